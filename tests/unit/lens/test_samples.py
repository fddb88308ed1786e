"""Values are taken from records as the metrics say, and blocked in the order of time."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latencies import run
from velocity_local.lens.histogram import Histogram
from velocity_local.lens.quantities import parse
from velocity_local.lens.resampling import interval
from velocity_local.lens.results import (
    CacheState,
    CheckOutcome,
    CountSource,
    Energy,
    Metric,
    RequestRecord,
    ServerTimes,
    Tokens,
)
from velocity_local.lens.samples import (
    MAX_BLOCKS,
    MIN_BLOCKS,
    Counted,
    Sample,
    blocked,
    collect,
    values_of,
)

RECORD = RequestRecord(
    index=0,
    intended_start_s=1.0,
    start_s=1.5,
    sent_s=1.7,
    connect_ms=100.0,
    ttft_ms=50.0,
    ttfo_ms=80.0,
    itl_ms=(10.0, 20.0),
    e2e_ms=90.0,
    cache_state=CacheState.COLD,
    server=ServerTimes(queue_ms=1.0, prefill_ms=2.0, decode_ms=3.0),
    tokens=Tokens(source=CountSource.SERVER, prompt=5, output=5),
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Metric.TTFT_MS, (650.0,)),
        (Metric.TTFO_MS, (680.0,)),
        (Metric.E2E_MS, (690.0,)),
        (Metric.SERVICE_TTFT_MS, (50.0,)),
        (Metric.SERVICE_E2E_MS, (90.0,)),
        (Metric.ITL_MS, (10.0, 20.0)),
        (Metric.TPOT_MS, (10.0,)),
        (Metric.CONNECT_MS, (100.0,)),
        (Metric.QUEUE_MS, (1.0,)),
        (Metric.PREFILL_MS, (2.0,)),
        (Metric.DECODE_MS, (3.0,)),
        (Metric.OUTPUT_TOKENS_PER_S, (100.0,)),
    ],
)
def test_a_metric_is_what_it_says(metric: Metric, expected: tuple[float, ...]) -> None:
    assert values_of(RECORD, metric) == pytest.approx(expected)


def test_what_is_not_known_is_not_zero() -> None:
    bare = RequestRecord(
        index=0, intended_start_s=0, start_s=0, sent_s=0, cache_state=CacheState.COLD
    )
    single = {Metric.REQUESTS_PER_S, Metric.TOTAL_OUTPUT_TOKENS_PER_S, Metric.ERROR_SHARE}
    single |= {Metric.WRONG_SHARE, Metric.JOULES_PER_TOKEN, Metric.COST_PER_1000_REQUESTS}
    assert all(values_of(bare, metric) == () for metric in Metric if metric not in single)


def test_failed_and_wrong_answers_have_no_latency_but_a_share() -> None:
    made = run(1, n_requests=40)
    records = list(made.records)
    records[3] = msgspec.structs.replace(records[3], error_kind="reset")
    records[4] = msgspec.structs.replace(records[4], check=CheckOutcome.FAILED)
    made = msgspec.structs.replace(made, records=tuple(records))
    assert _collected([made], Metric.TTFT_MS).n == 38
    assert _collected([made], Metric.ERROR_SHARE).mean == pytest.approx(1 / 40)
    assert _collected([made], Metric.WRONG_SHARE).mean == pytest.approx(1 / 39)


def _collected(runs: list[object], metric: Metric) -> Sample | Counted:
    found = collect(runs, metric)  # type: ignore[arg-type] # runs
    assert found is not None
    return found


def test_rates_over_the_run_add_up() -> None:
    made = run(1, n_requests=100, n_tokens=20)
    tokens = _collected([made], Metric.TOTAL_OUTPUT_TOKENS_PER_S)
    assert tokens.mean * made.duration_s == pytest.approx(100 * 20)
    assert _collected([made], Metric.REQUESTS_PER_S).mean * made.duration_s == pytest.approx(100)


def test_energy_and_cost_are_of_the_run() -> None:
    energy = Energy(joules=960.0, uncertainty_joules=1.0, idle_watts=5.0, method="test")
    made = run(1, n_requests=20, energy=energy, cost=0.5)
    assert _collected([made], Metric.JOULES_PER_TOKEN).mean == pytest.approx(1.0)
    assert _collected([made], Metric.COST_PER_1000_REQUESTS).mean == pytest.approx(25.0)
    assert collect([run(1, n_requests=2)], Metric.JOULES_PER_TOKEN) is None


def test_counted_runs_are_merged() -> None:
    parts = []
    for value in (10.0, 1000.0):
        histogram = Histogram()
        histogram.add(value, times=50)
        parts.append(run(1, n_requests=3, records=(), histograms={Metric.E2E_MS: histogram.data()}))
    found = _collected(list(parts), Metric.E2E_MS)
    assert isinstance(found, Counted)
    assert found.n == 100
    assert found.mean == pytest.approx(505.0)
    assert collect(parts, Metric.TTFT_MS) is None


def test_totals_stand_in_where_requests_were_only_counted() -> None:
    made = run(1, n_requests=500, n_output_tokens=4000)
    made = msgspec.structs.replace(
        made, records=(), duration_s=10.0, n_errors={"reset": 40, "http_status": 10}, n_wrong=9
    )
    assert _collected([made], Metric.ERROR_SHARE).mean == pytest.approx(50 / 500)
    assert _collected([made], Metric.WRONG_SHARE).mean == pytest.approx(9 / 450)
    assert _collected([made], Metric.REQUESTS_PER_S).mean == pytest.approx(44.1)
    assert _collected([made], Metric.TOTAL_OUTPUT_TOKENS_PER_S).mean == pytest.approx(400)
    found = interval(_collected([made], Metric.ERROR_SHARE), parse("error_share"))
    assert found is not None
    assert found.low == pytest.approx(0.1 - 1.96 * 0.0134, abs=0.007)  # binomial, by the normal
    assert found.high == pytest.approx(0.1 + 1.96 * 0.0134, abs=0.007)


@given(st.integers(1, 3000), st.integers(1, 4))
def test_blocks_hold_every_value_in_its_order(n_groups: int, size: int) -> None:
    groups = [tuple(float(group * size + i) for i in range(size)) for group in range(n_groups)]
    found = blocked(groups)
    assert [value for block in found.blocks for value in block] == [
        float(number) for number in range(n_groups * size)
    ]
    assert len(found.blocks) <= MAX_BLOCKS
    assert len(found.blocks) >= min(n_groups, MIN_BLOCKS)
