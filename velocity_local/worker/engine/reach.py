"""How many cells the rows of a pass attend to. Pure.

A row needs the cells of its own sequence. But from a tile on, CPU flash attention takes rows a tile
at a time (`Capabilities.tile_reaches_all`), over all cells that any of them has.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """`n_rows` tokens of one sequence, after `start` that are computed."""

    start: int
    n_rows: int


def own_reach(parts: Sequence[Part]) -> float:
    """Cells that a row of the pass attends to on average, each those of its own sequence."""
    n_rows = sum(part.n_rows for part in parts)
    return sum(part.n_rows * _middle(part) for part in parts) / max(1, n_rows)


def tile_reach(parts: Sequence[Part], tile: int, n_cells: int) -> float:
    """The same where whole tiles reach all; `n_cells` were in use before the pass.

    They bound what is counted twice: the beginning that several sequences share.
    """
    n_rows = sum(part.n_rows for part in parts)
    if n_rows < tile:
        return own_reach(parts)
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
