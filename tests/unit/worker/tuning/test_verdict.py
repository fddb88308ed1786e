"""When one way is called faster than another."""

import pytest

from velocity_local.core.tuning import Figures
from velocity_local.worker.tuning.verdict import (
    cost,
    is_better,
    is_hopeless,
    median_cost,
    objection,
    typical_figures,
)


def figures(prefill: float = 100, decode: float = 10, streams: float = 40) -> Figures:
    return Figures(512, 4, prefill, decode, streams)


def rounds(*scales: float) -> list[Figures]:
    """Trials that took so much of the usual time."""
    return [figures(100 * s, 10 * s, 40 * s) for s in scales]


EVEN = rounds(1, 1, 1, 1, 1)


def test_the_cost_weighs_all_three_alike() -> None:
    assert cost(figures(prefill=50), figures(prefill=400)) == 0.5
    assert abs(cost(figures(decode=20, streams=20), figures()) - 1) < 1e-9


def test_a_clear_gain_in_every_round_is_better() -> None:
    assert is_better(rounds(0.9, 0.85, 0.9), EVEN[:3])


def test_two_rounds_are_too_few() -> None:
    assert not is_better(rounds(0.5, 0.5), EVEN[:2])


def test_a_gain_that_is_too_small_is_none() -> None:
    assert not is_better(rounds(0.98, 0.98, 0.98, 0.98, 0.98), EVEN)


def test_a_round_that_disagrees_is_doubt() -> None:
    assert not is_better(rounds(0.8, 0.8, 1.1, 0.8, 0.8), EVEN)


def test_of_seven_rounds_one_may_disagree() -> None:
    ours, even = rounds(0.8, 0.8, 1.1, 0.8, 0.8, 0.8, 0.8), rounds(*[1.0] * 7)
    assert is_better(ours, even)
    assert not is_better(rounds(0.8, 1.1, 1.1, 0.8, 0.8, 0.8, 0.8), even)


def test_a_machine_that_slows_down_slows_both() -> None:
    slowing = (1.0, 1.5, 3.0)
    ours = rounds(*(0.85 * s for s in slowing))
    assert is_better(ours, rounds(*slowing))
    assert abs(median_cost(ours, rounds(*slowing)) - 0.85) < 1e-9


def test_no_figure_may_pay_for_the_others() -> None:
    faster_prompts = [figures(prefill=50, decode=11.5)] * 5
    assert not is_better(faster_prompts, EVEN)
    assert is_better([figures(prefill=50, decode=10.5)] * 5, EVEN)


def test_what_is_slower_twice_is_given_up() -> None:
    assert is_hopeless(rounds(1.3, 1.2), EVEN[:2])
    assert not is_hopeless(rounds(1.3), EVEN[:1])
    assert not is_hopeless(rounds(1.3, 1.05), EVEN[:2])


def test_typical_is_the_median_of_each_figure() -> None:
    odd = [figures(prefill=1), figures(decode=1), figures(streams=1)]
    assert typical_figures(odd) == figures()


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (rounds(1.3, 1.2, 1.1), "no gain"),
        (rounds(0.9, 1.2, 1.1), "no clear gain"),
        (rounds(0.8, 0.8, 1.1, 0.8, 0.8), "1 round says the opposite"),
        ([figures(prefill=50, decode=11.5)] * 5, "but single streams need 1.15 of the time"),
        ([figures(prefill=150, decode=5, streams=20)] * 5, "but prompts need 1.50 of the time"),
        (rounds(0.9, 0.85, 0.9), None),
    ],
)
def test_what_speaks_against_a_value_is_told(ours: list[Figures], said: str | None) -> None:
    assert objection(ours, EVEN[: len(ours)]) == said
