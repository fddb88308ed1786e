"""How much to guess, from chances and costs, as a table."""

import pytest

from velocity_local.worker.engine.speculation.choice import MIN_GAIN, Plan, best

CPU = {1: 1.0, 2: 2.2, 4: 3.5, 8: 6.5, 16: 7.0, 32: 12.6}
GPU = dict.fromkeys(range(1, 65), 1.0)


def _sure(chance: float, n: int = 31) -> list[float]:
    return [chance**i for i in range(1, n + 1)]


CASES: list[tuple[str, list[list[float]], dict[int, float], list[int] | None]] = [
    ("on a GPU every guess that may come true is made", [_sure(0.5, 4)], GPU, [4]),
    ("on a CPU half of the guesses is not enough", [_sure(0.5)], CPU, None),
    ("on a CPU sure guesses fill the cheap step", [_sure(0.93)], CPU, [15]),
    ("the surest are guessed at length", [_sure(0.995)], CPU, [31]),
    ("without guesses there is no plan", [[]], GPU, None),
    ("who has none is not helped", [_sure(0.9, 2), []], GPU, [2, 0]),
]


@pytest.mark.parametrize(
    ("chances", "costs", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_best(
    chances: list[list[float]], costs: dict[int, float], expected: list[int] | None
) -> None:
    plan = best(
        chances,
        lambda n_rows: costs.get(n_rows, 99.0),
        n_rows_max=64,
        longest=float("inf"),
        threshold=MIN_GAIN,
        probe_cost=0.0,
    )
    assert (plan and plan.counts) == expected


def _unmeasured(chances: list[list[float]], probe_cost: float) -> Plan | None:
    return best(
        chances,
        lambda n_rows: 1.0 if n_rows == len(chances) else None,
        n_rows_max=64,
        longest=float("inf"),
        threshold=MIN_GAIN,
        probe_cost=probe_cost,
    )


def test_what_was_never_measured_is_tried_on_an_occasion() -> None:
    plan = _unmeasured([_sure(0.97)], 40.0)
    assert plan is not None
    assert plan.is_probe
    assert plan.counts == [31]


def test_a_try_costs_no_more_than_it_may() -> None:
    plan = _unmeasured([_sure(0.97)], 10.0)
    assert plan is not None
    assert plan.counts == [7]
    assert _unmeasured([_sure(0.97)], 0.5) is None


def test_no_pass_is_longer_than_it_may_be_not_even_a_try() -> None:
    plan = best(
        [_sure(0.97)],
        lambda n_rows: 1.0 if n_rows == 1 else None,
        n_rows_max=64,
        longest=8.0,
        threshold=MIN_GAIN,
        probe_cost=40.0,
    )
    assert plan is not None
    assert plan.counts == [7]


def test_guesses_that_seldom_come_true_are_no_occasion() -> None:
    assert _unmeasured([_sure(0.2)], 40.0) is None


def test_rows_and_time_are_bounded() -> None:
    chances = [_sure(0.9), _sure(0.9)]
    few = best(
        chances,
        lambda _: 1.0,
        n_rows_max=5,
        longest=float("inf"),
        threshold=MIN_GAIN,
        probe_cost=0,
    )
    assert few is not None
    assert sum(few.counts) == 3
    slow = best(
        chances,
        lambda n_rows: 1.0 if n_rows <= 10 else 1.2,
        n_rows_max=64,
        longest=1.1,
        threshold=MIN_GAIN,
        probe_cost=0,
    )
    assert slow is not None
    assert sum(slow.counts) == 6
