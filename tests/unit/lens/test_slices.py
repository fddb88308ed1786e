"""Rates by slices of time: nothing is lost when they widen, are added up, or are cut anew."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latencies import run
from velocity_local.lens.gathering import Gathering
from velocity_local.lens.quantities import parse
from velocity_local.lens.resampling import interval
from velocity_local.lens.results import Metric, RequestRecord, RunResult, Slices
from velocity_local.lens.samples import collect
from velocity_local.lens.slices import MOST, Slicing, merge, resliced


def sliced(records: tuple[RequestRecord, ...]) -> Slices:
    slicing = Slicing()
    for record in records:
        slicing.add(record)
    found = slicing.data()
    assert found is not None
    return found


def only_counted(whole: RunResult) -> RunResult:
    """The same run as if it had had too many requests to keep."""
    gathering = Gathering(0)
    for record in whole.records:
        gathering.add(record)
    return msgspec.structs.replace(whole, **gathering.fields())


def test_every_request_and_token_is_in_a_slice_however_long_the_run() -> None:
    whole = run(1, n_requests=400, n_tokens=48)
    found = sliced(whole.records)
    assert len(found.requests) <= MOST
    assert sum(found.requests) == pytest.approx(400)
    assert sum(found.output_tokens) == pytest.approx(400 * 48)
    assert found.width_s * len(found.requests) >= max(
        record.sent_s + (record.e2e_ms or 0) / 1000 for record in whole.records
    )


@pytest.mark.parametrize("metric", [Metric.REQUESTS_PER_S, Metric.TOTAL_OUTPUT_TOKENS_PER_S])
def test_a_run_that_only_counted_has_the_rate_and_the_interval_of_its_records(
    metric: Metric,
) -> None:
    whole = run(2, n_requests=300)
    kept, counted = collect([whole], metric), collect([only_counted(whole)], metric)
    assert kept is not None
    assert counted is not None
    assert counted.mean == pytest.approx(kept.mean, rel=0.01)
    quantity = parse(metric.value)
    one, other = interval(kept, quantity), interval(counted, quantity)
    assert one is not None
    assert other is not None
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=0.25)


def test_clients_of_one_run_are_added_up_at_any_width() -> None:
    fine = Slices(width_s=0.5, requests=(1, 2, 3), output_tokens=(10, 0, 5))
    coarse = Slices(width_s=1.0, requests=(4, 4, 1), output_tokens=(1, 1, 1))
    assert merge([fine, coarse]) == Slices(
        width_s=1.0, requests=(7, 7, 1), output_tokens=(11, 6, 1)
    )
    assert merge([]) is None


@given(
    amounts=st.lists(st.floats(0, 100), min_size=1, max_size=40),
    duration_s=st.floats(0.5, 100),
    n=st.integers(1, 30),
)
def test_cutting_anew_loses_nothing(amounts: list[float], duration_s: float, n: int) -> None:
    totals = resliced(amounts, 1.0, duration_s=duration_s, n=n)
    assert len(totals) == n
    assert sum(totals) == pytest.approx(sum(amounts), abs=1e-6)


def test_a_run_without_answers_has_no_slices() -> None:
    assert Slicing().data() is None
