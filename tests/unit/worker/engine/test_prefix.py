from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.prefix import MIN_MATCH_TOKENS, PrefixIndex
from velocity_local.worker.engine.radix import Match, RadixTree, common_length

TOKENS = st.lists(st.integers(0, 1), max_size=40)
HOLDERS = st.integers(0, 7)
CHANGES = st.lists(st.tuples(HOLDERS, st.none() | TOKENS), max_size=30)


def slowly(a: list[int], b: list[int]) -> int:
    length = 0
    while length < min(len(a), len(b)) and a[length] == b[length]:
        length += 1
    return length


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TOKENS, TOKENS, TOKENS)
def test_the_common_length_is_that_of_comparing_one_by_one(
    head: list[int], a: list[int], b: list[int]
) -> None:
    assert common_length(head + a, head + b) == slowly(head + a, head + b)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(CHANGES, TOKENS, st.integers(0, 5))
def test_the_tree_knows_what_comparing_with_every_sequence_would_tell(
    changes: list[tuple[int, list[int] | None]], tokens: list[int], at_least: int
) -> None:
    tree: RadixTree[int] = RadixTree()
    known: dict[int, list[int]] = {}
    for holder, sequence in changes:
        if sequence is None:
            tree.remove(holder)
            known.pop(holder, None)
        else:
            tree.insert(holder, sequence)
            known[holder] = sequence
        tree.check_integrity()
    expected = {
        Match(holder, slowly(tokens, sequence), len(sequence))
        for holder, sequence in known.items()
        if slowly(tokens, sequence) >= at_least
    }
    found = tree.matches(tokens, at_least)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_what_is_remembered_does_not_change_with_the_list() -> None:
    index: PrefixIndex[int] = PrefixIndex()
    growing = [7] * 20
    index.insert(3, growing)
    growing += [8] * 20
    assert index.matches([7] * 20 + [8] * 9) == [Match(3, 20, 20)]
    index.insert(3, growing)
    assert index.matches([7] * 20 + [8] * 9) == [Match(3, 29, 40)]
    index.remove(3)
    index.remove(3)
    assert index.matches([7] * 20) == []


def test_what_is_too_short_to_be_worth_sharing_is_not_found() -> None:
    index: PrefixIndex[int] = PrefixIndex()
    index.insert(0, [1] * 40)
    assert index.matches([1] * MIN_MATCH_TOKENS) == [Match(0, MIN_MATCH_TOKENS, 40)]
    assert index.matches([1] * (MIN_MATCH_TOKENS - 1)) == []


def test_spaces_do_not_know_each_other() -> None:
    index: PrefixIndex[int] = PrefixIndex()
    tokens = list(range(40))
    index.insert(0, tokens)
    index.insert(1, tokens, "adapter")
    assert [match.holder for match in index.matches(tokens)] == [0]
    assert [match.holder for match in index.matches(tokens, "adapter")] == [1]
    assert not index.matches(tokens, "another")
    index.insert(0, tokens, "adapter")
    assert not index.matches(tokens)
