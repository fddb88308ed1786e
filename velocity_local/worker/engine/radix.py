"""A compressed radix tree of token sequences: which known ones begin like a new one."""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

H = TypeVar("H")


class Match(NamedTuple, Generic[H]):
    """The first `length` tokens are those of the sequence of `holder`, which has `total`."""

    holder: H
    length: int
    total: int


class _Node(Generic[H]):
    """An edge with its lower end: `tokens` lead here, `depth` tokens from the root in all."""

    __slots__ = ("children", "depth", "holders", "parent", "tokens")

    def __init__(self, tokens: list[int], depth: int, parent: "_Node[H] | None") -> None:
        self.tokens = tokens
        self.depth = depth
        self.parent = parent
        self.children: dict[int, _Node[H]] = {}
        self.holders: set[H] = set()


class RadixTree(Generic[H]):
    """Sequences by holder. Several holders may have the same one; a holder has only one."""

    def __init__(self) -> None:
        self._root: _Node[H] = _Node([], 0, None)
        self._places: dict[H, _Node[H]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def insert(self, holder: H, tokens: list[int]) -> None:
        """Remember `tokens` for `holder`, in place of what it held."""
        self.remove(holder)
        node, at = self._root, 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                child = node.children[tokens[at]] = _Node(tokens[at:], len(tokens), node)
            else:
                n_common = common_length(child.tokens, tokens[at : at + len(child.tokens)])
                if n_common < len(child.tokens):
                    child = _split(child, n_common)
            node, at = child, child.depth
        node.holders.add(holder)
        self._places[holder] = node

    def remove(self, holder: H) -> None:
        """Forget what `holder` held; nothing happens if that is nothing."""
        node = self._places.pop(holder, None)
        if node is None:
            return
        node.holders.discard(holder)
        while node.parent is not None and not node.holders and not node.children:
            parent = node.parent
            del parent.children[node.tokens[0]]
            node = parent
        if node.parent is not None and not node.holders and len(node.children) == 1:
            _merge_with_only_child(node)

    def matches(self, tokens: list[int], at_least: int = 1) -> list[Match[H]]:
        """Every holder whose sequence shares at least `at_least` tokens with these."""
        found: list[Match[H]] = []
        node, length = self._root, 0
        while True:
            child = node.children.get(tokens[length]) if length < len(tokens) else None
            if length >= at_least:
                found += [Match(holder, length, length) for holder in node.holders]
                beside = [other for other in node.children.values() if other is not child]
                found += _below(beside, length)
            if child is None:
                return found
            length += common_length(child.tokens, tokens[length : child.depth])
            if length < child.depth:
                return found + (list(_below([child], length)) if length >= at_least else [])
            node = child

    def check_integrity(self) -> None:
        """Assert that the tree is compressed and knows all of its holders."""
        nodes = [self._root]
        holders: set[H] = set()
        while nodes:
            node = nodes.pop()
            holders |= node.holders
            for first, child in node.children.items():
                assert child.parent is node, "a child of another"
                assert child.tokens[0] == first, "an edge under another token"
                assert child.depth == node.depth + len(child.tokens), "a wrong depth"
                assert child.holders or len(child.children) > 1, "a node without need"
                nodes.append(child)
        assert holders == set(self._places), "a holder was lost"


def common_length(a: list[int], b: list[int]) -> int:
    """Length of the longest common prefix, by bisection over slices."""
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


def _split(node: _Node[H], n_tokens: int) -> _Node[H]:
    """Cut the edge to `node` after `n_tokens`; the new node in between."""
    parent = node.parent
    assert parent is not None
    upper: _Node[H] = _Node(node.tokens[:n_tokens], parent.depth + n_tokens, parent)
    parent.children[upper.tokens[0]] = upper
    node.tokens = node.tokens[n_tokens:]
    node.parent = upper
    upper.children[node.tokens[0]] = node
    return upper


def _merge_with_only_child(node: _Node[H]) -> None:
    (child,) = node.children.values()
    parent = node.parent
    assert parent is not None
    child.tokens = node.tokens + child.tokens
    child.parent = parent
    parent.children[child.tokens[0]] = child


def _below(nodes: list[_Node[H]], length: int) -> Iterator[Match[H]]:
    """All holders at these nodes and below them, which part from the path after `length`."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield from (Match(holder, length, node.depth) for holder in node.holders)
        waiting += node.children.values()
