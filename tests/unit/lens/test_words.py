"""Texts of a given number of tokens."""

import pytest

from velocity_local.lens.words import WORDS, WordTexts, random_of, word_texts


def words_are_tokens(text: str) -> int:
    return len(text.split())


def long_words_are_two(text: str) -> int:
    return sum(2 if len(word) > 6 else 1 for word in text.split())


def begin_costs_one(text: str) -> int:
    return 1 + len(text.split())


@pytest.mark.parametrize("count", [words_are_tokens, long_words_are_two, begin_costs_one])
@pytest.mark.parametrize("n", [2, 17, 1000])
def test_a_text_has_exactly_so_many_tokens(count, n: int) -> None:  # type: ignore[no-untyped-def]  # a table of functions
    texts = word_texts(count)
    assert texts.is_exact
    assert count(texts.text(n, random_of("x"))) == n


def test_a_tokenizer_of_bytes_makes_lengths_estimates() -> None:
    assert not word_texts(len).is_exact


def test_a_tokenizer_that_merges_words_makes_lengths_estimates() -> None:
    assert not word_texts(lambda text: min(2, len(text.split()))).is_exact


def test_the_same_chance_gives_the_same_text() -> None:
    texts = WordTexts()
    assert texts.text(9, random_of(1, "a")) == texts.text(9, random_of(1, "a"))
    assert texts.text(9, random_of(1, "a")) != texts.text(9, random_of(1, "b"))


def test_there_are_enough_words_and_none_twice() -> None:
    assert len(set(WORDS)) == len(WORDS) >= 100
