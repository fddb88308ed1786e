"""Which spans of a pass are computed together, as rows of one width. Pure; knows only counts.

Rows of a batch are as wide as its widest span; what is shorter is filled up and costs as much.
Spans whose logits are wanted are cut: all but their last tokens need no output layer, which is a
large part of a small model, and the last tokens then are rows beside everybody's decoding.

A batch holds as many cells for each row as its longest has. So sequences of very different lengths
are apart: a long conversation would otherwise give every short one as much memory as its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.worker.engine.backend import Span

# A prompt's end of so many tokens is computed with its logits in one go
HEAD_ROWS = 16
# How much of a batch may be filling: of a few rows more, since each call reads all weights
MOST_WASTE, MOST_WASTE_OF_FEW = 0.15, 0.34
FEW_ROWS = 64
# Cells of a batch for each that is in use, beyond some for every row that do not matter
MOST_CELLS_PER_USED = 2
FREE_CELLS = 1024


class Piece(NamedTuple):
    """Tokens of the span with this index, from its token `at` on; then it is `end` cells long."""

    span: int
    at: int
    n: int
    end: int


class Group(NamedTuple):
    """Pieces that are rows of one batch; with `wants_logits` their last rows are looked at."""

    pieces: tuple[Piece, ...]
    wants_logits: bool

    @property
    def width(self) -> int:
        return max(piece.n for piece in self.pieces)


def groups(spans: Sequence[Span], *, can_pad: bool, can_batch: bool) -> list[Group]:
    """In the order in which they are to be computed: a span's beginning before its end."""
    bodies: list[Piece] = []
    heads: list[Piece] = []
    for i, span in enumerate(spans):
        n = len(span.tokens)
        n_head = _n_head(span) if span.wants_logits else 0
        if n > n_head:
            bodies.append(Piece(i, 0, n - n_head, span.start + n - n_head))
        if n_head:
            heads.append(Piece(i, n - n_head, n_head, span.start + n))
    by_phase = ((bodies, False), (heads, True))
    return [
        Group(part, wants_logits)
        for pieces, wants_logits in by_phase
        for part in _parts(pieces, can_pad=can_pad, can_batch=can_batch)
    ]


def _n_head(span: Span) -> int:
    n = len(span.tokens)
    return n if n <= HEAD_ROWS or n == span.n_drafted + 1 else 1 + span.n_drafted


def _parts(pieces: Sequence[Piece], *, can_pad: bool, can_batch: bool) -> list[tuple[Piece, ...]]:
    """Pieces of one width are together; of others as well, where filling up is no great waste."""
    if not can_batch:
        return [(piece,) for piece in pieces]
    parts: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda one: (one.n, one.end)):
        if parts and _fits(parts[-1], piece, can_pad=can_pad):
            parts[-1].append(piece)
        else:
            parts.append([piece])
    return [tuple(sorted(part)) for part in parts]


def _fits(part: Sequence[Piece], piece: Piece, *, can_pad: bool) -> bool:
    rows = [*part, piece]
    room = max(one.end for one in rows) * len(rows)
    used = sum(one.end for one in rows)
    if room > MOST_CELLS_PER_USED * used + FREE_CELLS * len(rows):
        return False
    if part[-1].n == piece.n:
        return can_pad or piece.n == 1
    n_rows = piece.n * len(rows)
    waste = MOST_WASTE_OF_FEW if n_rows <= FEW_ROWS else MOST_WASTE
    return can_pad and sum(one.n for one in rows) >= (1 - waste) * n_rows
