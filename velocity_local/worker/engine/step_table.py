"""How long a forward pass takes on this machine: a table over tiles of rows and depth.

The depth of a pass is how many cells its rows attend to on average (`reach`): at 8,000 a pass may
take seven times as long as at 0. The table is filled by the passes that are made anyway, and
interpolated between them.
"""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

# A median of five ignores two passes that something else got in the way of.
KEPT_PASSES = 5
# Bands of depth are 0 to 255 tokens, 256 to 511, 512 to 1,023, and so on.
_FIRST_BAND_BITS = 8
# Beyond all that was measured, a pass is taken to cost twice as much every so many tokens, which
# is a little more than was seen on CPUs: rather a step too small than one too large.
_DOUBLING_TOKENS = 1500


class _Point(NamedTuple):
    depth: float
    tile_ms: float


class _Cell:
    """The latest passes of one size in one band of depth, and the one in their middle."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=KEPT_PASSES)
        self.depth = 0.0
        self.ms = 0.0

    def see(self, depth: float, ms: float) -> None:
        self._seen.append((ms, depth))
        self.ms, self.depth = sorted(self._seen)[(len(self._seen) - 1) // 2]


class StepTable:
    """Learns from passes of whole tiles, and of a quarter of one.

    What lies between counts as a tile: on CPUs it costs as much, or more where it is deep.
    """

    def __init__(self, tile: int) -> None:
        self._tile = tile
        self._small_rows = tile // 4
        self._bands: dict[int, dict[int, _Cell]] = {}
        self._small_bands: dict[int, dict[int, _Cell]] = {}

    @property
    def is_empty(self) -> bool:
        return not self._bands

    def observe(self, n_rows: int, depth: float, ms: float) -> None:
        """A pass of so many rows took so long; what is between the sizes teaches nothing."""
        band = max(0, int(depth).bit_length() - _FIRST_BAND_BITS)
        if n_rows >= self._tile:
            cells = self._bands.setdefault(band, {})
            cells.setdefault(self._n_tiles(n_rows), _Cell()).see(depth, ms)
        elif self._small_rows // 2 <= n_rows <= self._small_rows:
            self._small_bands.setdefault(band, {}).setdefault(1, _Cell()).see(depth, ms)

    def expected_ms(self, n_rows: int, depth: float) -> float:
        """How long so many rows take, in one pass or several; without limit if nothing is known."""
        if not self._bands:
            return float("inf")
        if n_rows <= self._small_rows:
            return self._small_ms(depth)
        return self._tiles_ms(self._n_tiles(n_rows), self._bands, depth)

    def _small_ms(self, depth: float) -> float:
        """Of a quarter of a tile; half of a whole one's time until that is known better."""
        if not self._small_bands:
            return self._tiles_ms(1, self._bands, depth) / 2
        return self._tiles_ms(1, self._small_bands, depth)

    def _tiles_ms(self, n_tiles: int, bands: dict[int, dict[int, _Cell]], depth: float) -> float:
        points = [_point(bands[band], n_tiles) for band in sorted(bands)]
        return n_tiles * _interpolated(points, depth)

    def _n_tiles(self, n_rows: int) -> int:
        return -(-n_rows // self._tile)


def _point(cells: dict[int, _Cell], n_tiles: int) -> _Point:
    """What a tile costs in this band, by passes of about that size."""
    nearest = min(cells, key=lambda known: abs(known - n_tiles))
    return _Point(cells[nearest].depth, cells[nearest].ms / nearest)


def _interpolated(points: Sequence[_Point], depth: float) -> float:
    if depth <= points[0].depth:
        return points[0].tile_ms
    for left, right in pairwise(points):
        if depth <= right.depth:
            share = (depth - left.depth) / (right.depth - left.depth)
            return left.tile_ms + share * (right.tile_ms - left.tile_ms)
    return _extrapolated(points, depth)


def _extrapolated(points: Sequence[_Point], depth: float) -> float:
    """Beyond the last point: along the line from one that is far enough away to give a slope."""
    last = points[-1]
    base = next((point for point in reversed(points) if point.depth <= last.depth / 2), None)
    if base is None or base.depth == last.depth:
        slope = last.tile_ms / (_DOUBLING_TOKENS + last.depth)
    else:
        slope = max(0.0, (last.tile_ms - base.tile_ms) / (last.depth - base.depth))
    return last.tile_ms + slope * (depth - last.depth)
