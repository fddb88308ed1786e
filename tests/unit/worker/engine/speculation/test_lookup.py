"""Prompt lookup against a search through the whole text, and what it says of its guesses."""

from hypothesis import given
from hypothesis import strategies as st

from velocity_local.worker.engine.speculation.lookup import (
    INDEXED_PER_STEP,
    LONGEST_MATCH,
    NGRAM_TOKENS,
    PromptLookup,
)


def _nothing(_length: int, is_hit: bool) -> None:
    """A watcher that does not care."""


def _lookup(tokens: list[int], n_before: int | None = None) -> PromptLookup:
    lookup = PromptLookup(tokens, len(tokens) if n_before is None else n_before, _nothing)
    while not lookup.catch_up():
        pass
    return lookup


def test_what_followed_last_time_is_guessed() -> None:
    assert _lookup([1, 2, 3, 4, 5, 9, 1, 2, 3]).draft(2) == [4, 5]


def test_of_several_places_the_latest_is_taken() -> None:
    assert _lookup([1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3]).draft(1) == [8]


def test_a_new_text_gives_no_guess() -> None:
    assert _lookup([1, 2, 3, 4]).draft(4) == []
    assert _lookup([1, 2]).draft(4) == []
    assert _lookup([]).draft(4) == []


def test_a_text_that_overlaps_itself_goes_on_in_circles() -> None:
    assert _lookup([1, 2, 1, 2, 1, 2]).draft(5) == [1, 2, 1, 2, 1]
    assert _lookup([5, 5, 5, 5]).draft(3) == [5, 5, 5]


def test_a_match_goes_on_while_its_tokens_come_and_ends_with_another() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 9, 1, 2, 3]
    lookup = _lookup(tokens)
    for token in (4, 5):
        tokens.append(token)
        lookup.catch_up()
    assert (lookup.length, lookup.draft(1)) == (5, [6])
    tokens.append(7)
    lookup.catch_up()
    assert lookup.length == 0


def test_it_tells_how_guesses_went_but_only_of_what_was_generated() -> None:
    seen: list[tuple[int, bool]] = []
    tokens = [1, 2, 3, 4, 5, 1, 2, 3, 4]
    lookup = PromptLookup(tokens, 8, lambda length, is_hit: seen.append((length, is_hit)))
    lookup.catch_up()
    tokens.append(6)
    lookup.catch_up()
    assert seen == [(3, True), (4, False)]


def test_a_long_prompt_is_read_over_many_steps() -> None:
    tokens = [*range(3 * INDEXED_PER_STEP), 7, 8, 9]
    lookup = PromptLookup(tokens, len(tokens), _nothing)
    n_steps = 1
    while not lookup.catch_up():
        n_steps += 1
    assert n_steps == 4
    assert lookup.draft(3) == [10, 11, 12]


@given(st.lists(st.integers(0, 2), max_size=80), st.integers(0, 80))
def test_a_guess_is_what_followed_the_longest_known_match(tokens: list[int], n_before: int) -> None:
    said = tokens[n_before:]
    mine = tokens[:n_before]
    lookup = PromptLookup(mine, len(mine), _nothing)
    lookup.catch_up()
    for token in said:
        mine.append(token)
        lookup.catch_up()
        _check(lookup, mine)


def _check(lookup: PromptLookup, tokens: list[int]) -> None:
    ending = tuple(tokens[-NGRAM_TOKENS:])
    known = {tuple(tokens[i : i + NGRAM_TOKENS]) for i in range(len(tokens) - NGRAM_TOKENS)}
    if len(tokens) < NGRAM_TOKENS or ending not in known:
        assert not lookup.length
        return
    assert lookup.length >= NGRAM_TOKENS
    n_matched = min(lookup.length, LONGEST_MATCH)
    places = range(n_matched, len(tokens))
    followers = {tokens[i] for i in places if tokens[i - n_matched : i] == tokens[-n_matched:]}
    (guess,) = lookup.draft(1)
    assert guess in followers
