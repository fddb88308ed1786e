"""The last hidden states of each sequence: what a model's own heads read beside its tokens."""

import numpy as np

from velocity_local.worker.sampling.rows import FloatRow

# Heads see so many tokens before the first guess at least, if they were computed here.
KEPT_ROWS = 64
# Rows are moved to the front once for so many that come.
_CAPACITY = KEPT_ROWS + 32


def hidden_bytes(width: int, *, n_batch: int, n_sequences: int) -> int:
    """What hidden states take: those of the model's batches, and at most what is kept of them."""
    return (n_batch + n_sequences * _CAPACITY) * width * np.dtype(np.float32).itemsize


class HiddenStates:
    """Rows for consecutive positions of a sequence, the older ones being forgotten.

    It follows what happens to the sequences' cells, except that cells from elsewhere come without
    rows.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: dict[int, FloatRow] = {}
        self._spans: dict[int, tuple[int, int]] = {}

    def span(self, sequence: int) -> range:
        """The positions whose rows are there."""
        return range(*self._spans.get(sequence, (0, 0)))

    def put(self, sequence: int, start: int, rows: FloatRow) -> None:
        """Rows of tokens that were computed; a gap before them makes the older ones useless."""
        first, end = self._spans.get(sequence, (start, start))
        if end != start:
            first = end = start
        if len(rows) > KEPT_ROWS:
            rows, start = rows[-KEPT_ROWS:], start + len(rows) - KEPT_ROWS
            first = end = start
        kept = self._rows.get(sequence)
        if kept is None:
            kept = self._rows[sequence] = np.empty((_CAPACITY, self._width), np.float32)
        if end - first + len(rows) > _CAPACITY:
            n_kept = KEPT_ROWS - len(rows)
            kept[:n_kept] = kept[end - first - n_kept : end - first].copy()
            first = end - n_kept
        kept[end - first : end - first + len(rows)] = rows
        self._spans[sequence] = (first, end + len(rows))

    def row(self, sequence: int, position: int) -> FloatRow:
        """Valid until the sequence's next rows."""
        found: FloatRow = self._rows[sequence][position - self.span(sequence).start]
        return found

    def copy(self, source: int, target: int, length: int) -> None:
        """Those of the first `length` positions, for the empty `target`."""
        rows = self._rows.get(source)
        if rows is not None and length > self.span(source).start:
            self._rows[target] = rows.copy()
            self._spans[target] = self._spans[source]
            self.cut(target, length)

    def cut(self, sequence: int, length: int) -> None:
        """Forget what is not of the first `length` positions."""
        kept = self.span(sequence)
        if length <= kept.start:
            self.clear(sequence)
        elif length < kept.stop:
            self._spans[sequence] = (kept.start, length)

    def clear(self, sequence: int) -> None:
        self._rows.pop(sequence, None)
        self._spans.pop(sequence, None)
