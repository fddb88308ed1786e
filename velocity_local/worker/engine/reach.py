"""How many cells the rows of a pass attend to. Pure.

Below a tile every row is computed by itself, over the cells of its own sequence. From a tile on,
CPU flash attention takes the rows a tile at a time, over all cells that any of them has.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """`n_rows` tokens of one sequence, after `start` that are computed."""

    start: int
    n_rows: int


def mean_reach(parts: Sequence[Part], tile: int, n_cells: int) -> float:
    """Cells that a row of the pass attends to, on average, if `n_cells` were in use before it.

    That bounds what is counted twice: the beginning that several sequences share.
    """
    n_rows = sum(part.n_rows for part in parts)
    if n_rows < tile:
        return sum(part.n_rows * _middle(part) for part in parts) / max(1, n_rows)
    most = float(n_cells + n_rows)
    reaches = [min(sum(map(_middle, cut)), most) for cut in _tiles(parts, tile)]
    return sum(reaches) / len(reaches)


def _middle(part: Part) -> float:
    """What stands before the rows of a part, on average."""
    return part.start + part.n_rows / 2


def _tiles(parts: Sequence[Part], tile: int) -> Iterator[list[Part]]:
    """What is in each tile of rows; parts go on from one to the next."""
    room, held = tile, list[Part]()
    for part in parts:
        left = part
        while left.n_rows:
            here = Part(left.start, min(left.n_rows, room))
            left = Part(left.start + here.n_rows, left.n_rows - here.n_rows)
            held.append(here)
            room -= here.n_rows
            if not room:
                yield held
                room, held = tile, []
    if held:
        yield held
