"""When requests begin: a table of loads and their starts."""

import statistics
from itertools import pairwise

import pytest
from scipy import stats

from velocity_local.lens.arrivals import arrivals
from velocity_local.lens.loads import Burst, Constant, OpenLoad, Poisson, Ramp, Replay, Step

CASES: list[tuple[str, OpenLoad, list[float]]] = [
    ("constant", Constant(rate_per_s=2, requests=4), [0, 0.5, 1, 1.5]),
    ("constant for a time", Constant(rate_per_s=2, duration_s=1.1), [0, 0.5, 1]),
    ("whichever is first", Constant(rate_per_s=2, duration_s=9, requests=2), [0, 0.5]),
    ("burst", Burst(size=2, every_s=3, requests=5), [0, 0, 3, 3, 6]),
    ("step", Step(rates_per_s=(1, 2), step_s=2), [0, 1, 2, 2.5, 3, 3.5]),
    ("flat ramp", Ramp(from_per_s=2, to_per_s=2, duration_s=2), [0, 0.5, 1, 1.5]),
]


@pytest.mark.parametrize(("load", "starts"), [pytest.param(x, y, id=n) for n, x, y in CASES])
def test_starts(load: OpenLoad, starts: list[float]) -> None:
    assert list(arrivals(load, seed=0)) == pytest.approx(starts)


def test_a_ramp_gets_faster_and_keeps_its_mean() -> None:
    starts = list(arrivals(Ramp(from_per_s=0, to_per_s=20, duration_s=10), seed=0))
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps == sorted(gaps, reverse=True)
    assert len(starts) == 100
    assert starts[-1] < 10


def test_poisson_has_exponential_gaps() -> None:
    starts = list(arrivals(Poisson(rate_per_s=10, requests=20_000), seed=1))
    gaps = [after - before for before, after in pairwise(starts)]
    assert statistics.mean(gaps) == pytest.approx(0.1, rel=0.03)
    assert stats.kstest(gaps, stats.expon(scale=0.1).cdf).pvalue > 0.01


def test_a_seed_gives_the_same_starts() -> None:
    load = Poisson(rate_per_s=10, requests=5)
    assert list(arrivals(load, seed=3)) == list(arrivals(load, seed=3))
    assert list(arrivals(load, seed=3)) != list(arrivals(load, seed=4))


def test_a_trace_is_replayed_from_its_first_start_at_the_speed_asked_for() -> None:
    recorded = (100.0, 101.0, 104.0)
    assert list(arrivals(Replay(speed=2), seed=0, recorded_s=recorded)) == [0, 0.5, 2]


def test_a_load_without_an_end_has_twenty_requests() -> None:
    assert len(list(arrivals(Constant(rate_per_s=100), seed=0))) == 20
