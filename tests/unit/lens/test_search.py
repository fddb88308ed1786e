"""The search for a load, against servers that are functions."""

import pytest

from velocity_local.lens.search import Bracket, is_saturated, largest_load


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100, 511])
def test_the_largest_number_of_streams_is_found_exactly(limit: int) -> None:
    asked: list[float] = []

    def does(load: float) -> bool:
        asked.append(load)
        return load <= limit

    found = largest_load(does, first=1, most=1024, is_whole=True)
    assert found == Bracket(limit, limit + 1)
    assert len(asked) == len(set(asked)) <= 20


def test_a_rate_is_found_within_the_tolerance() -> None:
    found = largest_load(lambda rate: rate <= 7.3, first=0.5, most=100, is_whole=False)
    assert found.good is not None
    assert found.bad is not None
    assert found.good <= 7.3 < found.bad
    assert found.bad - found.good <= 0.05 * found.bad


def test_nothing_does() -> None:
    assert largest_load(lambda _: False, first=1, most=8, is_whole=True) == Bracket(None, 1)


def test_a_rate_below_the_first_is_looked_for() -> None:
    found = largest_load(lambda rate: rate <= 0.2, first=0.5, most=8, is_whole=False)
    assert found.good is not None
    assert found.good <= 0.2


def test_everything_does() -> None:
    assert largest_load(lambda _: True, first=1, most=8, is_whole=True) == Bracket(8, None)


@pytest.mark.parametrize(
    ("throughputs", "expected"),
    [
        ([], False),
        ([10, 20], False),
        ([10, 20, 38], False),
        ([10, 20, 20.5], False),
        ([10, 20, 20.5, 20.6], True),
        ([10, 20, 19, 12], True),
        ([10, 20, 20.5, 30], False),
    ],
)
def test_saturation(throughputs: list[float], expected: bool) -> None:
    assert is_saturated(throughputs) is expected
