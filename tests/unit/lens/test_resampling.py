"""Bootstrap intervals against SciPy's, closed forms, and the coverage they promise."""

from math import comb
from random import Random
from statistics import mean

import numpy as np
import pytest
from scipy import stats

from velocity_local.lens.histogram import Histogram
from velocity_local.lens.quantities import Quantity, parse
from velocity_local.lens.resampling import design_effect, draws, interval
from velocity_local.lens.results import Metric
from velocity_local.lens.samples import Counted, Sample, blocked

MEDIAN = parse("ttft_ms:p50")


def latencies(n: int, seed: int) -> list[float]:
    chance = Random(seed)
    return [50 * chance.lognormvariate(0, 0.4) for _ in range(n)]


def sample(values: list[float]) -> Sample:
    return blocked([(value,) for value in values])


def drifting(n: int, seed: int, *, stickiness: float) -> list[float]:
    """Latencies whose logarithm is an autoregressive process of order one."""
    chance = Random(seed)
    state, found = 0.0, []
    for _ in range(n):
        state = stickiness * state + chance.gauss(0, 0.3)
        found.append(50 * 2.718281828**state)
    return found


@pytest.mark.parametrize("percent", [25.0, 50.0, 90.0, 95.0])
def test_an_interval_of_independent_values_is_scipys(percent: float) -> None:
    values = latencies(400, seed=4)
    theirs = stats.bootstrap(
        (np.array(values),),
        lambda data, axis: np.percentile(data, percent, axis=axis),
        n_resamples=6000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = interval(_independent(values), Quantity(Metric.TTFT_MS, percent))
    assert ours is not None
    width = float(theirs.high - theirs.low)
    assert ours.low == pytest.approx(float(theirs.low), abs=0.2 * width)
    assert ours.high == pytest.approx(float(theirs.high), abs=0.2 * width)


def _independent(values: list[float]) -> Sample:
    """In fewer blocks than the design effect is estimated from, so that it is 1."""
    return Sample((tuple(values),))


def test_draws_follow_the_exact_bootstrap_distribution() -> None:
    """P(k-th of a resample <= j-th value) is P(Binomial(n, j/n) >= k): Efron 1979."""
    values = [float(rank) for rank in range(1, 22)]
    n, k = len(values), 11
    drawn = draws(_independent(values), MEDIAN, n=40_000)
    for rank in (6, 9, 11, 13, 16):
        share = rank / n
        exact = sum(comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(k, n + 1))
        found = mean(value <= rank for value in drawn)
        assert found == pytest.approx(exact, abs=0.01)


def test_an_interval_of_means_is_scipys_when_blocks_are_single_values() -> None:
    values = latencies(60, seed=9)
    theirs = stats.bootstrap(
        (np.array(values),),
        np.mean,
        n_resamples=9000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    ours = interval(Sample(tuple((v,) for v in values)), parse("ttft_ms:mean"))
    assert ours is not None
    width = float(theirs.high - theirs.low)
    assert ours.low == pytest.approx(float(theirs.low), abs=0.08 * width)
    assert ours.high == pytest.approx(float(theirs.high), abs=0.08 * width)


def test_a_counted_sample_has_the_interval_of_its_values() -> None:
    values = latencies(2000, seed=5)
    histogram = Histogram()
    histogram.add_all(values)
    ours = interval(Counted(histogram.data()), MEDIAN)
    exact = interval(_independent(values), MEDIAN)
    assert ours is not None
    assert exact is not None
    assert ours.low == pytest.approx(exact.low, rel=2**-9)
    assert ours.high == pytest.approx(exact.high, rel=2**-9)


@pytest.mark.parametrize("percent", [50.0, 90.0])
def test_intervals_of_independent_values_cover_the_truth(percent: float) -> None:
    truth = 50 * np.exp(0.4 * stats.norm.ppf(percent / 100))
    quantity = Quantity(Metric.TTFT_MS, percent)
    assert _coverage([latencies(200, seed) for seed in range(100)], quantity, truth) >= 0.9


def test_intervals_cover_the_truth_when_neighbours_are_alike() -> None:
    runs = [drifting(400, seed, stickiness=0.8) for seed in range(100)]
    assert _coverage(runs, MEDIAN, 50.0) >= 0.85
    assert _coverage([[*Random(1).sample(r, len(r))] for r in runs], MEDIAN, 50.0) < 0.75


def _coverage(runs: list[list[float]], quantity: Quantity, truth: float) -> float:
    hits = 0
    for values in runs:
        found = interval(sample(values), quantity)
        assert found is not None
        hits += found.low <= truth <= found.high
    return hits / len(runs)


def test_the_design_effect_is_that_of_the_blocks() -> None:
    same_within = [tuple([float(block)] * 10) for block in range(40)]
    assert design_effect(Sample(tuple(same_within)), 0.5) == pytest.approx(10, rel=0.25)
    assert design_effect(sample(latencies(4000, seed=3)), 0.5) < 2


def test_a_tail_that_nobody_saw_has_no_interval() -> None:
    assert interval(sample(latencies(200, seed=1)), parse("ttft_ms:p99")) is None
    assert interval(_independent(latencies(2000, seed=1)), parse("ttft_ms:p99")) is not None
    assert interval(Sample(((1.0,), (2.0,))), parse("ttft_ms:mean")) is None


def test_the_same_values_give_the_same_interval() -> None:
    values = sample(latencies(300, seed=2))
    assert interval(values, MEDIAN) == interval(values, MEDIAN)
