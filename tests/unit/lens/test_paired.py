"""Runs made in turns: what both sides share is left out, on wandering machines, against SciPy."""

from dataclasses import replace
from math import log
from random import Random

import msgspec
import pytest
from scipy import stats

from benchmarks.latencies import Server, in_turns, run
from velocity_local.lens.changes import change, pair_noise
from velocity_local.lens.compare import IN_TURNS, SINGLE_RUNS, compare
from velocity_local.lens.gate import judge
from velocity_local.lens.histogram import Histogram
from velocity_local.lens.paired import as_it_is, in_pairs, likeness, sides, together
from velocity_local.lens.quantities import parse
from velocity_local.lens.results import Metric, RunResult
from velocity_local.lens.samples import Counted, Sample, collect

STEADY = Server(between_runs=0.0, drift=0.0, pause_share=0.0)
SLOWER = replace(STEADY, slowdown=1.1)
MEDIAN = parse("itl_ms:p50")
QUANTITIES = ("ttft_ms:p50", "itl_ms:p50", "e2e_ms:mean", "total_output_tokens_per_s")


def width(before: RunResult, after: RunResult, name: str) -> float:
    found = change([before], [after], parse(name))
    assert found is not None
    interval = found.interval()
    assert interval is not None
    return interval[1] - interval[0]


def unpaired(run: RunResult) -> RunResult:
    return msgspec.structs.replace(run, pairing=None)


def test_runs_of_a_pair_stand_at_the_same_place() -> None:
    (a, b), (c, d) = in_turns(1, STEADY, STEADY), in_turns(2, STEADY, STEADY)
    assert in_pairs([a, c], [d, b]) == ([a, c], [b, d])


@pytest.mark.parametrize("case", ["none", "one apart", "another pair", "twice", "itself"])
def test_only_runs_that_all_were_made_in_turns_are_pairs(case: str) -> None:
    a, b = in_turns(1, STEADY, STEADY, n_requests=20)
    _, d = in_turns(2, STEADY, STEADY, n_requests=20)
    before, after = {
        "none": ([unpaired(a)], [unpaired(b)]),
        "one apart": ([a, unpaired(a)], [b, unpaired(b)]),
        "another pair": ([a], [d]),
        "twice": ([a, a], [b, b]),
        "itself": ([b], [b]),
    }[case]
    assert in_pairs(before, after) is None


def test_runs_of_one_file_know_their_sides() -> None:
    (a, b), (c, d) = in_turns(1, STEADY, STEADY), in_turns(2, STEADY, STEADY)
    assert sides([a, b, c, d]) == ([a, c], [b, d])
    assert sides([a, unpaired(b)]) is None
    assert sides([a, c]) is None
    assert sides([]) is None
    assert as_it_is([a, b, c, d]) == [b, d]
    assert as_it_is([a, c]) == [a, c]
    assert as_it_is([b, unpaired(a)]) == [b, unpaired(a)]


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_wandering_machine_hides_less_where_servers_take_turns(name: str) -> None:
    before, after = in_turns(3, STEADY, SLOWER)
    apart = width(unpaired(before), unpaired(after), name)
    assert width(before, after, name) < apart / 1.5


@pytest.mark.parametrize("name", QUANTITIES)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    quantity = parse(name)
    truth = 1 / 1.1 - 1 if quantity.higher_is_better else 0.1
    missed = 0
    for seed in range(40):
        before, after = in_turns(100 + seed, STEADY, SLOWER, n_requests=100)
        found = change([before], [after], quantity)
        assert found is not None
        interval = found.interval()
        assert interval is not None
        missed += not interval[0] <= truth <= interval[1]
    assert missed <= 6, "5 % of 40 are 2; more than 6 come once in a hundred times"


def test_the_gate_tells_a_slowdown_from_the_machines_moods() -> None:
    same = slower = 0
    for seed in range(10):
        before, after = in_turns(200 + seed, STEADY, STEADY)
        same += not judge([after], [before]).is_passed
        before, after = in_turns(300 + seed, STEADY, SLOWER)
        slower += not judge([after], [before]).is_passed
    assert same <= 1
    assert slower >= 9


def test_several_pairs_have_students_t_of_their_ratios() -> None:
    shaky = replace(STEADY, between_runs=0.05)
    made = [in_turns(400 + seed, shaky, shaky, n_requests=60) for seed in range(6)]
    before, after = [a for a, _ in made], [b for _, b in made]
    noise = pair_noise(before, after, MEDIAN)
    found = change(before, after, MEDIAN)
    assert noise is not None
    assert found is not None
    interval = found.interval()
    assert interval is not None

    def logs(runs: list[RunResult]) -> list[float]:
        values = [collect([one], MEDIAN.metric) for one in runs]
        return [log(MEDIAN.of(one)) for one in values if one is not None]

    theirs = stats.ttest_rel(logs(after), logs(before)).confidence_interval(0.95)
    ours = [log(1 + end) for end in interval]
    assert noise.freedom == 5
    assert ours[1] - ours[0] == pytest.approx(float(theirs.high - theirs.low), rel=0.12)


def test_pairs_are_told_as_such() -> None:
    before, after = in_turns(5, STEADY, STEADY)
    assert judge([after], [before]).notes == (IN_TURNS,)
    assert IN_TURNS in compare([before], [after]).sections[0].notes
    assert SINGLE_RUNS not in compare([before], [after]).sections[0].notes
    assert judge([unpaired(after)], [before]).notes == (SINGLE_RUNS,)


def test_likeness_is_a_little_less_than_the_blocks_correlation() -> None:
    before, after = in_turns(6, STEADY, STEADY)
    first, second = collect([before], Metric.E2E_MS), collect([after], Metric.E2E_MS)
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    seen = stats.pearsonr(
        [total / size for total, size in first.sums()],
        [total / size for total, size in second.sums()],
    ).statistic
    found = likeness(first, second, parse("e2e_ms:mean"))
    assert seen > 0.9
    assert seen - 0.15 < found < seen


def test_sides_that_share_no_moments_have_nothing_in_common() -> None:
    values = collect([run(7, STEADY)], Metric.TTFT_MS)
    fewer = collect([run(8, STEADY, n_requests=10)], Metric.TTFT_MS)
    assert isinstance(values, Sample)
    assert isinstance(fewer, Sample)
    median = parse("ttft_ms:p50")
    assert likeness(values, fewer, median) == 0
    constant = Sample(tuple((5.0,) for _ in values.blocks))
    assert likeness(values, constant, parse("ttft_ms:mean")) == 0
    backwards = Sample(tuple((-sum(block),) for block in values.blocks))
    assert likeness(values, backwards, parse("ttft_ms:mean")) == 0


def test_values_that_were_only_counted_have_no_moments() -> None:
    counted = run(9, STEADY)
    values = collect([counted], Metric.TTFT_MS)
    assert isinstance(values, Sample)
    histogram = Histogram()
    histogram.add_all(values.ordered)
    only_counted = Counted(histogram.data())
    assert likeness(only_counted, only_counted, parse("ttft_ms:p50")) == 0


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.95])
def test_draws_dealt_together_keep_their_own_values(alike: float) -> None:
    chance = Random(10)
    before = [chance.gauss(10, 1) for _ in range(2000)]
    after = [chance.expovariate(1) for _ in range(2000)]
    dealt = together(before, after, alike=alike)
    assert sorted(a for a, _ in dealt) == sorted(before)
    assert sorted(b for _, b in dealt) == sorted(after)
    seen = stats.spearmanr([a for a, _ in dealt], [b for _, b in dealt]).statistic
    assert seen == pytest.approx(alike, abs=0.06)
