"""What is said of runs that differ among themselves, against SciPy's t-test on generated runs."""

from math import exp, log
from statistics import fmean

import pytest
from scipy import stats

from benchmarks.latencies import Server, run
from velocity_local.lens.changes import change, run_noise
from velocity_local.lens.quantities import parse
from velocity_local.lens.results import RunResult
from velocity_local.lens.samples import collect

NOISY = Server(between_runs=0.2, drift=0.0, per_request=0.02, pause_share=0.0)
MEDIAN = parse("ttft_ms:p50")


def runs(first: int, n: int) -> list[RunResult]:
    return [run(first + number, NOISY, n_requests=60, n_tokens=4) for number in range(n)]


def logs(made: list[RunResult]) -> list[float]:
    found = []
    for one in made:
        values = collect([one], MEDIAN.metric)
        assert values is not None
        found.append(log(MEDIAN.of(values)))
    return found


@pytest.mark.parametrize(("n_before", "n_after"), [(3, 3), (4, 6), (8, 2)])
def test_several_runs_have_the_interval_of_students_t_on_logarithms(
    n_before: int, n_after: int
) -> None:
    before, after = runs(100, n_before), runs(200, n_after)
    found = change(before, after, MEDIAN)
    assert found is not None
    interval = found.interval()
    assert interval is not None
    theirs = stats.ttest_ind(logs(after), logs(before), equal_var=True).confidence_interval(0.95)
    ours = [log(1 + end) for end in interval]
    width = float(theirs.high - theirs.low)
    assert ours[1] - ours[0] == pytest.approx(width, rel=0.12)


def test_the_noise_of_runs_is_their_pooled_standard_deviation() -> None:
    before, after = runs(300, 5), runs(400, 7)
    noise = run_noise((before, after), MEDIAN)
    assert noise is not None
    squares = sum(
        sum((one - fmean(side)) ** 2 for one in side) for side in (logs(before), logs(after))
    )
    assert noise.freedom == 10
    assert noise.share == pytest.approx((squares / 10) ** 0.5)
    assert exp(noise.share) - 1 > 0.05, "such runs cannot be told apart one by one"


def test_runs_of_one_server_seldom_differ() -> None:
    """At 95 % confidence about one in twenty pairs may; three runs on each side."""
    wrong = 0
    for pair in range(20):
        found = change(runs(1000 + 20 * pair, 3), runs(1010 + 20 * pair, 3), MEDIAN)
        assert found is not None
        interval = found.interval()
        assert interval is not None
        wrong += not interval[0] <= 0 <= interval[1]
    assert stats.binomtest(wrong, 20, 0.05).pvalue > 0.01
