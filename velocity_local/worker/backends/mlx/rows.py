"""Keys and values of one attention layer for several sequences: a row for each, all from the left.

mlx-lm's `BatchKVCache` pads rows on the left to one length. So a sequence could not be cut without
moving its whole row, and guesses of different lengths could not be checked together. Here rows
have lengths of their own, new cells are written behind each, and cutting is a number. The class
offers what the model classes ask of a cache: `offset`, `update_and_fetch`, `make_mask`.
"""

from collections.abc import Sequence

from velocity_local.worker.backends.mlx.native import Array, caches, mx

# Rows grow by so many cells at once, as mlx-lm's caches do
STEP = 256


class RowLengths:
    """How many cells each row holds: the same in every layer of a batch."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values = list(values)
        self._offsets: Array = None
        self._places: dict[int, tuple[Array, Array]] = {}

    @property
    def longest(self) -> int:
        return max(self.values)

    @property
    def is_even(self) -> bool:
        return min(self.values) == max(self.values)

    def offsets(self) -> Array:
        if self._offsets is None:
            self._offsets = mx.array(self.values)
        return self._offsets

    def places(self, n: int) -> tuple[Array, Array]:
        """Row and position of the next `n` cells of each row."""
        if n not in self._places:
            rows = mx.arange(len(self.values))[:, None]
            self._places[n] = rows, self.offsets()[:, None] + mx.arange(n)
        return self._places[n]

    def set(self, values: Sequence[int]) -> None:
        self.values = list(values)
        self._offsets = None
        self._places = {}


class KvRows:
    """One layer's cells. What lies behind a row's length is left from before, and never seen."""

    def __init__(self, lengths: RowLengths) -> None:
        self._lengths = lengths
        self._end = lengths.longest
        self.keys: Array = None
        self.values: Array = None

    @property
    def offset(self) -> int | Array:
        """Cells of the rows before this pass: one number, or one for each row."""
        return self._lengths.longest if self._lengths.is_even else self._lengths.offsets()

    @property
    def state(self) -> tuple[Array, ...]:
        return () if self.keys is None else (self.keys, self.values)

    def update_and_fetch(self, keys: Array, values: Array) -> tuple[Array, Array]:
        """Write the cells of a pass behind those that are there; all cells, to be attended to."""
        n = keys.shape[2]
        start = self._lengths.longest
        self._end = start + n
        self._reserve(keys, values)
        if self._lengths.is_even:
            self.keys[..., start : self._end, :] = keys
            self.values[..., start : self._end, :] = values
        else:
            rows, positions = self._lengths.places(n)
            self.keys[rows, :, positions] = keys.swapaxes(1, 2)
            self.values[rows, :, positions] = values.swapaxes(1, 2)
        return self.keys_and_values()

    def keys_and_values(self) -> tuple[Array, Array]:
        return self.keys[..., : self._end, :], self.values[..., : self._end, :]

    def make_mask(
        self,
        N: int,  # noqa: N803 - the library's name
        window_size: int | None = None,
        *,
        return_array: bool = False,
    ) -> Array | str | None:
        """Which cells each new token sees: those of its row, up to its own."""
        longest = self._lengths.longest
        if self._lengths.is_even:
            return caches.create_attention_mask(N, longest, return_array, window_size)
        cells = mx.arange(longest + N)
        _, positions = self._lengths.places(N)
        mask = cells <= positions[..., None]
        if window_size is not None:
            mask = mask & (cells > positions[..., None] - window_size)
        return mask[:, None]

    def size(self) -> int:
        return self._lengths.longest

    def empty(self) -> bool:
        return self.keys is None

    @property
    def nbytes(self) -> int:
        return 0 if self.keys is None else int(self.keys.nbytes + self.values.nbytes)

    def cells(self, row: int, start: int, end: int) -> tuple[Array, Array]:
        """Keys and values of one row, in memory of their own."""
        part = slice(row, row + 1), slice(None), slice(start, end)
        return mx.contiguous(self.keys[part]), mx.contiguous(self.values[part])

    def put(self, keys: Array, values: Array) -> None:
        """Take these as the cells of all rows."""
        self.keys, self.values = keys, values

    def _reserve(self, keys: Array, values: Array) -> None:
        """Have room up to the end of this pass."""
        n_rows, n_heads, _, _ = keys.shape
        room = -(-self._end // STEP) * STEP
        if self.keys is None:
            self.keys = mx.zeros((n_rows, n_heads, room, keys.shape[3]), keys.dtype)
            self.values = mx.zeros((n_rows, n_heads, room, values.shape[3]), values.dtype)
        elif self.keys.shape[2] < self._end:
            self.keys = padded(self.keys, room)
            self.values = padded(self.values, room)


def padded(cells: Array, room: int) -> Array:
    """The same with room for so many cells."""
    return mx.pad(cells, [(0, 0), (0, 0), (0, room - cells.shape[2]), (0, 0)])


def stacked(parts: Sequence[tuple[KvRows, int]], lengths: RowLengths) -> KvRows:
    """Rows of several caches as one; those of no cells yet are empty."""
    rows = KvRows(lengths)
    filled = next((part for part, _ in parts if part.keys is not None), None)
    if filled is None:
        return rows
    room = (lengths.longest // STEP + 1) * STEP
    pairs = [
        _row(part, row, n, room, filled)
        for (part, row), n in zip(parts, lengths.values, strict=True)
    ]
    keys, values = zip(*pairs, strict=True)
    rows.put(mx.concatenate(keys), mx.concatenate(values))
    return rows


def _row(part: KvRows, row: int, n: int, room: int, like: KvRows) -> tuple[Array, Array]:
    if part.keys is None:
        empty_keys, empty_values = like.keys[:1, :, :0], like.values[:1, :, :0]
        return padded(empty_keys, room), padded(empty_values, room)
    keys, values = part.keys[row : row + 1, :, :n], part.values[row : row + 1, :, :n]
    return padded(keys, room), padded(values, room)
