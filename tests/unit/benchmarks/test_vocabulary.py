"""A vocabulary of any size is one that byte-level BPE can use."""

import pytest

from benchmarks.vocabulary import SPECIALS, build_vocabulary, byte_alphabet


def test_each_byte_has_a_character_of_its_own() -> None:
    assert len(set(byte_alphabet())) == 256


@pytest.mark.parametrize("n_tokens", [259, 300, 5000, 60_000, 151_936])
def test_any_size_is_met_exactly_with_no_token_twice(n_tokens: int) -> None:
    vocabulary = build_vocabulary(n_tokens)

    assert len(vocabulary.tokens) == n_tokens
    assert len(set(vocabulary.tokens)) == n_tokens


@pytest.mark.parametrize("n_tokens", [300, 5000, 60_000])
def test_each_merge_joins_tokens_that_exist_before_it(n_tokens: int) -> None:
    vocabulary = build_vocabulary(n_tokens)
    known = set(byte_alphabet())

    for left, right in vocabulary.merges:
        assert {left, right} <= known
        known.add(left + right)

    assert known == set(vocabulary.tokens) - set(SPECIALS)


@pytest.mark.parametrize(("n_tokens", "reason"), [(258, "at least 259"), (10**7, "at most")])
def test_an_impossible_size_is_refused(n_tokens: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        build_vocabulary(n_tokens)
