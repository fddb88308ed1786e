"""Cells that left the device, in main memory: what a prompt begins with need not be computed again.

Knows tokens and bytes, and no backend. The oldest make room for new ones.
"""

from collections import Counter, OrderedDict
from typing import NamedTuple

from velocity_local.worker.engine.backend import State
from velocity_local.worker.engine.prefix import PrefixIndex

_TOKEN_BYTES = 8


class Kept(NamedTuple):
    """The cells from `start` on of a sequence that is `tokens` long; `onto` has those before."""

    tokens: list[int]
    start: int
    state: State
    space: str
    onto: int | None

    @property
    def n_bytes(self) -> int:
        return self.state.nbytes + _TOKEN_BYTES * len(self.tokens)


class Piece(NamedTuple):
    """A saved state of which the cells before `end` are wanted."""

    state: State
    end: int


class StateCache:
    """Saved states by what they were computed from, `limit_bytes` of them at most.

    With `has_parts`, states begin where another one ends and any beginning of them can be used;
    without, each is a whole sequence and can be used only as it is. What others go on from does
    not leave before them.
    """

    def __init__(self, limit_bytes: int, *, has_parts: bool) -> None:
        self._limit_bytes = limit_bytes
        self._has_parts = has_parts
        self._index: PrefixIndex[int] = PrefixIndex()
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._n_onto: Counter[int] = Counter()
        self._number = 0
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_on(self) -> bool:
        return self._limit_bytes > 0

    def entries(self) -> tuple[Kept, ...]:
        """Oldest first."""
        return tuple(self._kept.values())

    def reach(self, tokens: list[int], space: str, *, have: int = 0) -> int:
        """How many of the first tokens can be had, if `have` of them are there already."""
        chain = self._chain(tokens, space, have)
        return chain[-1][1] if chain else have

    def pieces(self, tokens: list[int], space: str, *, have: int = 0) -> list[Piece]:
        """What is to be restored, one behind the other, to get there."""
        chain = self._chain(tokens, space, have)
        for number, _ in chain:
            self._kept.move_to_end(number)
        return [Piece(self._kept[number].state, end) for number, end in chain]

    def missing_from(self, tokens: list[int], space: str) -> int:
        """Where a new state of this sequence would begin; its length if there is none to save."""
        reached = self.reach(tokens, space)
        return reached if self._has_parts or reached == len(tokens) else 0

    def keep(self, tokens: list[int], start: int, state: State, space: str) -> None:
        """Take a state in; the oldest go until all are within the limit."""
        chain = self._chain(tokens[:start], space, 0)
        onto = chain[-1][0] if chain else None
        kept = Kept(tokens, start, state, space, onto)
        if kept.n_bytes > self._limit_bytes:
            return
        self._number += 1
        self._kept[self._number] = kept
        self._index.insert(self._number, tokens, space)
        self.used_bytes += kept.n_bytes
        self._n_onto.update([onto] if onto is not None else [])
        while self.used_bytes > self._limit_bytes:
            self._drop(next(each for each in self._kept if not self._n_onto[each]))

    def check_integrity(self) -> None:
        """Assert that the bytes are counted right and within the limit."""
        assert self.used_bytes == sum(kept.n_bytes for kept in self._kept.values())
        assert self.used_bytes <= self._limit_bytes
        assert +self._n_onto == Counter(k.onto for k in self._kept.values() if k.onto is not None)
        for kept in self._kept.values():
            assert self.reach(kept.tokens, kept.space) == len(kept.tokens), "cut off from its start"

    def _drop(self, number: int) -> None:
        kept = self._kept.pop(number)
        self._index.remove(number)
        self.used_bytes -= kept.n_bytes
        if kept.onto is not None:
            self._n_onto[kept.onto] -= 1

    def _chain(self, tokens: list[int], space: str, have: int) -> list[tuple[int, int]]:
        """The states to restore by number, each with the length reached by it."""
        matches = self._index.matches(tokens, space)
        if not self._has_parts:
            whole = [match for match in matches if have < match.length == match.total]
            best = max(whole, key=lambda match: match.length, default=None)
            return [] if best is None else [(best.holder, best.length)]
        chain: list[tuple[int, int]] = []
        while True:
            onward = [
                match for match in matches if self._kept[match.holder].start <= have < match.length
            ]
            if not onward:
                return chain
            best = max(onward, key=lambda match: (match.length, self._kept[match.holder].start))
            chain.append((best.holder, best.length))
            have = best.length
