"""How a sequence gets its place in the KV cache. Values only."""

from typing import NamedTuple


class Opening(NamedTuple):
    """A slot for a new sequence, holding the first `length` of its tokens already.

    With `has_more`, saved cells follow that are still to be put there, by `restore_on`.
    With a `leader`, the slot is empty until that slot has computed `join` tokens, which are
    then to be copied by `join`. Of the first `shared` tokens it is known that others begin with
    them, whether or not their cells can be had.
    """

    slot: int
    length: int
    leader: int | None = None
    join: int = 0
    shared: int = 0
    has_more: bool = False


class Source(NamedTuple):
    """Cells that a new sequence could begin with."""

    slot: int | None
    length: int
    follows: bool = False


NOTHING = Source(None, 0)
