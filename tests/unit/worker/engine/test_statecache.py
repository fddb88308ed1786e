from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.statecache import LONG_TOKENS, Kept, StateCache

# Long enough to be worth finding, few enough kinds to share beginnings.
TOKENS = st.lists(st.sampled_from([[1] * 20, [2] * 20, [3] * 25]), min_size=1, max_size=4).map(
    lambda runs: [token for run in runs for token in run]
)
ACTIONS = st.lists(st.tuples(st.sampled_from(["save", "use"]), TOKENS), max_size=40)


def state_of(tokens: list[int], start: int) -> memoryview:
    """Stands for cells: the tokens themselves."""
    return memoryview(bytearray([start, *tokens[start:]]))


def restored(cache: StateCache, tokens: list[int], have: int = 0) -> list[int]:
    """The tokens whose cells are there once the cache's pieces are put behind the first ones."""
    there = tokens[:have]
    for state, end in cache.pieces(tokens, "", have=have):
        start, held = state[0], list(state[1:])
        assert start <= len(there) < end <= start + len(held)
        there += held[len(there) - start : end - start]
    return there


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ACTIONS, st.sampled_from([600, 2500, 10**6]), st.booleans(), st.integers(0, 30))
def test_what_comes_back_is_a_beginning_of_what_was_asked(
    actions: list[tuple[str, list[int]]], limit_bytes: int, has_parts: bool, have: int
) -> None:
    cache = StateCache(limit_bytes, has_parts=has_parts)
    for action, tokens in actions:
        there = min(have, len(tokens)) if has_parts else 0
        reach = cache.reach(tokens, "", have=there)
        if action == "use":
            assert restored(cache, tokens, there) == tokens[:reach]
        start = cache.missing_from(tokens, "")
        if action == "save" and start < len(tokens):
            cache.keep(tokens, start, state_of(tokens, start), "")
        cache.check_integrity()


def test_with_less_room_the_oldest_go_and_are_told() -> None:
    dropped: list[Kept] = []
    cache = StateCache(10**6, has_parts=True, on_drop=dropped.append)
    for number in (1, 2, 3):
        cache.keep([number] * 40, 0, state_of([number] * 40, 0), "")
    cache.resize(cache.used_bytes - 1)
    cache.check_integrity()
    assert [kept.tokens[0] for kept in dropped] == [1]
    cache.resize(0)
    assert (len(cache), cache.used_bytes, cache.is_on) == (0, 0, False)
    cache.resize(10**6)
    cache.keep([4] * 40, 0, state_of([4] * 40, 0), "")
    assert len(cache) == 1


def test_those_who_hear_of_it_are_told_what_is_wanted() -> None:
    dropped: dict[int, bool] = {}
    cache = StateCache(
        10**6,
        has_parts=True,
        on_drop=lambda kept: dropped.update({len(kept.tokens): kept.is_wanted}),
    )
    sequences = {
        "nobody came back": [1] * 30,
        "used again": [2] * 40,
        "gone on from": [3] * 50,
        "goes on": [3] * 50 + [4] * 10,
        "long": [5] * LONG_TOKENS,
    }
    for tokens in sequences.values():
        start = cache.missing_from(tokens, "")
        cache.keep(tokens, start, state_of(tokens, start), "")
    restored(cache, sequences["used again"])
    cache.resize(0)
    told = {name: dropped[len(tokens)] for name, tokens in sequences.items()}
    assert [name for name, is_wanted in told.items() if not is_wanted] == [
        "nobody came back",
        "goes on",
    ]
    cache.check_integrity()


def test_only_the_part_that_is_new_is_saved() -> None:
    cache = StateCache(10**6, has_parts=True)
    first, second = [1] * 40, [1] * 40 + [2] * 30
    cache.keep(first, 0, state_of(first, 0), "")
    assert cache.missing_from(second, "") == 40
    cache.keep(second, 40, state_of(second, 40), "")
    assert [len(kept.state) for kept in cache.entries()] == [41, 31]
    assert restored(cache, [1] * 40 + [2] * 10 + [3] * 20) == [1] * 40 + [2] * 10


def test_a_beginning_outlives_those_that_go_on_from_it() -> None:
    trunk, left, right = [1] * 40, [1] * 40 + [2] * 20, [1] * 40 + [3] * 20
    cache = StateCache(1100, has_parts=True)
    cache.keep(trunk, 0, state_of(trunk, 0), "")
    for branch in (left, right):
        cache.keep(branch, 40, state_of(branch, 40), "")
    other = [4] * 20
    cache.keep(other, 0, state_of(other, 0), "")
    assert cache.reach(left, "") == 40
    assert cache.reach(right, "") == 60


def test_whole_states_are_used_only_as_they_are() -> None:
    cache = StateCache(10**6, has_parts=False)
    tokens = [1] * 40
    cache.keep(tokens, 0, state_of(tokens, 0), "")
    assert cache.reach(tokens, "") == 40
    assert cache.reach(tokens[:39], "") == 0
    assert cache.reach(tokens + [2] * 20, "") == 40
    assert cache.missing_from(tokens + [2] * 20, "") == 0


def test_a_state_that_is_larger_than_all_there_may_be_is_not_taken() -> None:
    cache = StateCache(100, has_parts=True)
    tokens = [1] * 40
    cache.keep(tokens, 0, state_of(tokens, 0), "")
    assert len(cache) == 0
    assert cache.used_bytes == 0


def test_spaces_share_nothing() -> None:
    cache = StateCache(10**6, has_parts=True)
    tokens = [1] * 40
    cache.keep(tokens, 0, state_of(tokens, 0), "adapter")
    assert cache.reach(tokens, "") == 0
    assert cache.reach(tokens, "adapter") == 40
