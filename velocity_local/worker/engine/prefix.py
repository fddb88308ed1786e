"""Which known token sequences begin like a new prompt. Ints only; knows nothing of KV memory."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

# Recomputing fewer tokens than this costs about one decode step; sharing them is not worth
# a prefill that starts off its tile.
MIN_MATCH_TOKENS = 16


class Match(NamedTuple):
    """The first `length` tokens are those of the sequence in `slot`, which has `total`."""

    slot: int
    length: int
    total: int


class PrefixIndex(Protocol):
    """Token sequences by slot. Those of different spaces (adapters) never match each other."""

    def insert(self, slot: int, tokens: list[int], space: str = "") -> None:
        """Remember `tokens`, which may grow at its end while it is here."""
        ...

    def remove(self, slot: int) -> None: ...

    def matches(self, tokens: list[int], space: str = "") -> list[Match]:
        """Every sequence of the space that shares at least `MIN_MATCH_TOKENS` with `tokens`."""
        ...


class LinearPrefixIndex:
    """Compares with every sequence: exact, and quick for a few hundred of them."""

    def __init__(self) -> None:
        self._tokens: dict[int, tuple[str, list[int]]] = {}

    def insert(self, slot: int, tokens: list[int], space: str = "") -> None:
        self._tokens[slot] = space, tokens

    def remove(self, slot: int) -> None:
        self._tokens.pop(slot, None)

    def matches(self, tokens: list[int], space: str = "") -> list[Match]:
        head = tokens[:MIN_MATCH_TOKENS]
        if len(head) < MIN_MATCH_TOKENS:
            return []
        return [
            Match(slot, common_length(tokens, known), len(known))
            for slot, (of_space, known) in self._tokens.items()
            if of_space == space and known[:MIN_MATCH_TOKENS] == head
        ]


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix, by bisection over slices of the same type."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
