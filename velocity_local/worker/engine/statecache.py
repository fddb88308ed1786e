"""Cells that left the device, in main memory: what a prompt begins with need not be computed again.

Knows tokens and bytes, and no backend. The oldest make room for new ones.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from velocity_local.worker.engine.backend import State
from velocity_local.worker.engine.prefix import PrefixIndex
from velocity_local.worker.engine.radix import Match

# Computing fewer tokens than these again costs little more than keeping them elsewhere.
LONG_TOKENS = 256
_TOKEN_BYTES = 8


class Kept(NamedTuple):
    """The cells from `start` on of a sequence that is `tokens` long.

    It `is_wanted` if it is long, or if somebody has come back to it.
    """

    tokens: list[int]
    start: int
    state: State
    space: str
    is_wanted: bool = True

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

    def __init__(
        self, limit_bytes: int, *, has_parts: bool, on_drop: Callable[[Kept], None] | None = None
    ) -> None:
        """`on_drop` hears of what has to make room."""
        self._limit_bytes = limit_bytes
        self._has_parts = has_parts
        self._index: PrefixIndex[int] = PrefixIndex()
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._onto: dict[int, int] = {}
        self._n_onto: Counter[int] = Counter()
        self._came_back: set[int] = set()
        self._on_drop = on_drop
        self._number = 0
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_on(self) -> bool:
        return self._limit_bytes > 0

    @property
    def limit_bytes(self) -> int:
        return self._limit_bytes

    def resize(self, limit_bytes: int) -> None:
        """Have more or less room from now on; what is too much goes, the oldest first."""
        self._limit_bytes = limit_bytes
        self._fit()

    def entries(self) -> tuple[Kept, ...]:
        """The newest first, but none before what it goes on from."""
        ordered: dict[int, None] = {}
        for number in reversed(self._kept):
            path: list[int] = []
            onward: int | None = number
            while onward is not None and onward not in ordered:
                path.append(onward)
                onward = self._onto.get(onward)
            ordered.update(dict.fromkeys(reversed(path)))
        return tuple(self._kept[number] for number in ordered)

    def reach(self, tokens: list[int], space: str, *, have: int = 0) -> int:
        """How many of the first tokens can be had, if `have` of them are there already."""
        links = self._chain(tokens, space, have)
        return links[-1][1] if links else have

    def common(self, tokens: list[int], space: str) -> int:
        """How many of the first tokens something here has too, however it goes on."""
        matches = self._index.matches(tokens, space)
        return max((match.length for match in matches), default=0)

    def pieces(self, tokens: list[int], space: str, *, have: int = 0) -> list[Piece]:
        """What is to be restored, one behind the other, to get there."""
        links = self._chain(tokens, space, have)
        for number, _ in links:
            self._kept.move_to_end(number)
            self._came_back.add(number)
        return [Piece(self._kept[number].state, end) for number, end in links]

    def missing_from(self, tokens: list[int], space: str) -> int:
        """Where a new state of this sequence would begin; its length if there is none to save."""
        reached = self.reach(tokens, space)
        return reached if self._has_parts or reached == len(tokens) else 0

    def keep(self, tokens: list[int], start: int, state: State, space: str) -> None:
        """Take a state in; the oldest go until all are within the limit."""
        self.take(Kept(tokens, start, state, space))

    def take(self, kept: Kept) -> None:
        """As `keep`; nothing happens if that is here, and it is dropped if it is of no use."""
        if self.missing_from(kept.tokens, kept.space) == len(kept.tokens):
            return
        below = self._chain(kept.tokens[: kept.start], kept.space, 0)
        is_reached = (below[-1][1] if below else 0) >= kept.start
        if not is_reached or kept.n_bytes > self._limit_bytes:
            self._tell(kept)
            return
        self._number += 1
        self._kept[self._number] = kept
        self._index.insert(self._number, kept.tokens, kept.space)
        self.used_bytes += kept.n_bytes
        if below:
            self._onto[self._number] = below[-1][0]
            self._n_onto[below[-1][0]] += 1
            self._came_back.add(below[-1][0])
        self._fit()

    def clear(self) -> None:
        """Forget all of it, and tell nobody."""
        for number in self._kept:
            self._index.remove(number)
        self._kept.clear()
        self._onto.clear()
        self._n_onto.clear()
        self._came_back.clear()
        self.used_bytes = 0

    def check_integrity(self) -> None:
        """Assert that the bytes are counted right and within the limit."""
        assert self.used_bytes == sum(kept.n_bytes for kept in self._kept.values())
        assert self.used_bytes <= self._limit_bytes
        assert +self._n_onto == Counter(self._onto.values())
        assert self._came_back <= set(self._kept)
        assert set(self._onto) | set(self._onto.values()) <= set(self._kept)
        for kept in self._kept.values():
            assert self.reach(kept.tokens, kept.space) == len(kept.tokens), "cut off from its start"

    def _fit(self) -> None:
        while self.used_bytes > self._limit_bytes:
            self._drop(next(each for each in self._kept if not self._n_onto[each]))

    def _drop(self, number: int) -> None:
        kept = self._kept.pop(number)
        self._index.remove(number)
        self.used_bytes -= kept.n_bytes
        onto = self._onto.pop(number, None)
        if onto is not None:
            self._n_onto[onto] -= 1
        is_wanted = number in self._came_back or len(kept.tokens) >= LONG_TOKENS
        self._came_back.discard(number)
        self._tell(kept._replace(is_wanted=is_wanted))

    def _tell(self, dropped: Kept) -> None:
        if self._on_drop is not None:
            self._on_drop(dropped)

    def _chain(self, tokens: list[int], space: str, have: int) -> list[tuple[int, int]]:
        """The states to restore by number, each with the length reached by it."""
        matches = self._index.matches(tokens, space)
        starts = {match.holder: self._kept[match.holder].start for match in matches}
        return chain(matches, starts, has_parts=self._has_parts, have=have)


def chain(
    matches: Sequence[Match[int]], starts: Mapping[int, int], *, has_parts: bool, have: int = 0
) -> list[tuple[int, int]]:
    """The states that reach furthest from `have` on, by number, each with the length reached.

    A state has the cells from its start on to the end of its sequence. With `has_parts` several
    may follow each other, and the last may be used in part; without, one is used, and whole.
    """
    if not has_parts:
        whole = [match for match in matches if have < match.length == match.total]
        best = max(whole, key=lambda match: match.length, default=None)
        return [] if best is None else [(best.holder, best.length)]
    links: list[tuple[int, int]] = []
    while True:
        onward = [match for match in matches if starts[match.holder] <= have < match.length]
        if not onward:
            return links
        best = max(onward, key=lambda match: (match.length, starts[match.holder]))
        links.append((best.holder, best.length))
        have = best.length
