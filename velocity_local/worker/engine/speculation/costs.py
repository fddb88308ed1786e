"""What a pass of so many rows with logits takes: measured, by rows and by cells in use.

Decoding costs what rows cost, whether they are of one sequence or of many; how much, only this
machine knows: on two cores 16 rows take as long as 7 single ones, on a GPU as long as one or two.
"""

from collections import deque
from collections.abc import Sequence

KEPT_PASSES = 5
# A size that was seen so seldom may have been measured in a bad moment; after so many passes it
# counts as not measured.
FIRM_PASSES = 3
STALE_AFTER_PASSES = 3000
# Of passes of a size that was measured, only some are measured again.
_REVISED_EVERY = 8
# Bands of cells in use are 0 to 511, 512 to 1,023, and so on.
_FIRST_BAND_BITS = 9


class _Cell:
    """The latest passes of one size in one band, and the one in their middle."""

    __slots__ = ("_seen", "at", "ms", "n")

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=KEPT_PASSES)
        self.n = self.at = 0
        self.ms = 0.0

    def see(self, ms: float, at: int) -> None:
        self._seen.append(ms)
        self.n, self.at = self.n + 1, at
        self.ms = sorted(self._seen)[(len(self._seen) - 1) // 2]


class PassCosts:
    """A table that fills with the passes that are made anyway."""

    def __init__(self) -> None:
        self._bands: dict[int, dict[int, _Cell]] = {}
        self._n_passes = 0
        self._known: dict[tuple[int, int, int], float | None] = {}

    def know(self, pass_ms: Sequence[tuple[int, float]]) -> None:
        """Sizes that were measured before; the first passes of theirs tell anew."""
        self._known.clear()
        cells = self._bands.setdefault(_band(0), {})
        for n_rows, ms in pass_ms:
            cell = cells[n_rows] = _Cell()
            cell.n, cell.ms = FIRM_PASSES, ms

    def observe(self, n_rows: int, n_cells: int, ms: float) -> None:
        """A pass of so many rows, with so many cells in use, took so long, sampling included."""
        self._n_passes += 1
        cells = self._bands.setdefault(_band(n_cells), {})
        cell = cells.get(n_rows)
        if cell is not None and cell.n >= KEPT_PASSES and self._n_passes % _REVISED_EVERY:
            return
        self._known.clear()
        cells.setdefault(n_rows, _Cell()).see(ms, self._n_passes)

    def relative(self, n_rows: int, base_rows: int, n_cells: int) -> float | None:
        """How many passes of `base_rows` a pass of `n_rows` is worth; None if nobody knows.

        What is not known at this depth is taken to be as at the depth next to it, and what lies
        between two sizes to lie between their costs.
        """
        here = _band(n_cells)
        key = n_rows, base_rows, here
        if key not in self._known:
            self._known[key] = self._relative(*key)
        return self._known[key]

    def _relative(self, n_rows: int, base_rows: int, here: int) -> float | None:
        for band in sorted(self._bands, key=lambda known: (abs(known - here), known)):
            cells = self._bands[band]
            base = self._ms(cells, base_rows)
            cost = self._ms(cells, n_rows)
            if base and cost:
                return cost / base
        return None

    def ms(self, n_rows: int, n_cells: int) -> float | None:
        """What a pass of exactly so many rows takes here, if one was made."""
        cell = self._bands.get(_band(n_cells), {}).get(n_rows)
        return None if cell is None else cell.ms

    def _ms(self, cells: dict[int, _Cell], n_rows: int) -> float | None:
        known = [n for n in cells if self._is_fresh(cells[n])]
        if n_rows in known:
            return cells[n_rows].ms
        below = max((n for n in known if n < n_rows), default=None)
        above = min((n for n in known if n > n_rows), default=None)
        if below is None or above is None:
            return None
        share = (n_rows - below) / (above - below)
        return cells[below].ms + share * (cells[above].ms - cells[below].ms)

    def _is_fresh(self, cell: _Cell) -> bool:
        return cell.n >= FIRM_PASSES or self._n_passes - cell.at < STALE_AFTER_PASSES


def _band(n_cells: int) -> int:
    return max(0, n_cells.bit_length() - _FIRST_BAND_BITS)
