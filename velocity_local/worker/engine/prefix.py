"""Which known token sequences begin like a new prompt. Ints only; knows nothing of KV memory."""

from typing import Generic, TypeVar

from velocity_local.worker.engine.radix import Match, RadixTree

# Recomputing fewer tokens than this costs about one decode step; sharing them is not worth
# a prefill that starts off its tile.
MIN_MATCH_TOKENS = 16

H = TypeVar("H")


class PrefixIndex(Generic[H]):
    """Sequences by holder. Those of different spaces (adapters) never match each other."""

    def __init__(self) -> None:
        self._trees: dict[str, RadixTree[H]] = {}
        self._spaces: dict[H, str] = {}

    def insert(self, holder: H, tokens: list[int], space: str = "") -> None:
        """Remember the tokens as they are now, in place of what the holder had."""
        self.remove(holder)
        self._trees.setdefault(space, RadixTree()).insert(holder, tokens)
        self._spaces[holder] = space

    def remove(self, holder: H) -> None:
        space = self._spaces.pop(holder, None)
        if space is None:
            return
        tree = self._trees[space]
        tree.remove(holder)
        if not len(tree):
            del self._trees[space]

    def matches(self, tokens: list[int], space: str = "") -> list[Match[H]]:
        """Every sequence of the space that shares at least `MIN_MATCH_TOKENS` with `tokens`."""
        tree = self._trees.get(space)
        return [] if tree is None else tree.matches(tokens, MIN_MATCH_TOKENS)
