from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.prefix import (
    MIN_MATCH_TOKENS,
    LinearPrefixIndex,
    Match,
    common_length,
)

TOKENS = st.lists(st.integers(0, 1), max_size=40)


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


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 9), TOKENS, max_size=6), TOKENS)
def test_the_index_finds_every_sequence_that_is_worth_sharing(
    known: dict[int, list[int]], tokens: list[int]
) -> None:
    index = LinearPrefixIndex()
    for slot, sequence in known.items():
        index.insert(slot, sequence)
    expected = {
        Match(slot, slowly(tokens, sequence), len(sequence))
        for slot, sequence in known.items()
        if slowly(tokens, sequence) >= MIN_MATCH_TOKENS
    }
    assert set(index.matches(tokens)) == expected


def test_a_sequence_is_found_as_it_grows_and_not_after_it_is_gone() -> None:
    index = LinearPrefixIndex()
    growing = [7] * 20
    index.insert(3, growing)
    growing += [8] * 20
    assert index.matches([7] * 20 + [8] * 9) == [Match(3, 29, 40)]
    index.remove(3)
    index.remove(3)
    assert index.matches([7] * 20) == []


def test_spaces_do_not_know_each_other() -> None:
    index = LinearPrefixIndex()
    tokens = list(range(40))
    index.insert(0, tokens)
    index.insert(1, tokens, "adapter")
    assert [match.slot for match in index.matches(tokens)] == [0]
    assert [match.slot for match in index.matches(tokens, "adapter")] == [1]
    assert not index.matches(tokens, "another")
