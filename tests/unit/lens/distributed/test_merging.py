"""What several clients measured becomes what one would have: no percentile is averaged."""

import msgspec
import pytest

from benchmarks.latencies import run
from velocity_local.lens.distributed.merging import merge
from velocity_local.lens.gathering import Gathering
from velocity_local.lens.percentiles import percentile
from velocity_local.lens.results import (
    ClientOverhead,
    Environment,
    ItlKind,
    Load,
    LoadKind,
    Metric,
    RequestRecord,
    RunResult,
)
from velocity_local.lens.samples import collect
from velocity_local.lens.scenarios import Slo

WHOLE = run(5, n_requests=600, concurrency=12)
LOAD = Load(kind=LoadKind.CONCURRENCY, concurrency=12)


def counted(records: tuple[RequestRecord, ...]) -> RunResult:
    """A run that kept only histograms of those requests."""
    gathering = Gathering(0, slo=Slo(ttft_ms=200))
    for record in records:
        gathering.add(record)
    return msgspec.structs.replace(WHOLE, **gathering.fields())


PARTS = [counted(WHOLE.records[number::7]) for number in range(7)]


def test_the_parts_are_the_whole() -> None:
    merged, alone = merge(PARTS, LOAD), counted(WHOLE.records)
    assert {metric: data.counts for metric, data in merged.histograms.items()} == {
        metric: data.counts for metric, data in alone.histograms.items()
    }
    for name in ("n_requests", "n_errors", "n_good", "n_output_tokens", "itl_kind"):
        assert getattr(merged, name) == getattr(alone, name), name
    assert merged.slices is not None
    assert sum(merged.slices.output_tokens) == pytest.approx(merged.n_output_tokens)
    assert merged.load.detail == {"workers": 7}


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_percentiles_are_those_of_all_values_and_no_mean_of_percentiles(percent: float) -> None:
    slow = [
        msgspec.structs.replace(record, ttft_ms=(record.ttft_ms or 0) * 10)
        for record in WHOLE.records[:50]
    ]
    parts = [counted(tuple(slow)), counted(WHOLE.records[50:])]
    values = collect([merge(parts, LOAD)], Metric.SERVICE_TTFT_MS)
    assert values is not None
    exact = percentile(
        sorted(record.ttft_ms or 0 for record in (*slow, *WHOLE.records[50:])), percent
    )
    assert values.percentile(percent) == pytest.approx(exact, rel=0.002)
    each = [collect([part], Metric.SERVICE_TTFT_MS) for part in parts]
    averaged = sum(one.percentile(percent) for one in each if one is not None) / 2
    assert abs(averaged / exact - 1) > 0.25


def test_the_worst_client_speaks_for_all() -> None:
    good = ClientOverhead(delay_p50_ms=0.1, delay_p99_ms=0.2, cpu_share=0.1)
    bad = ClientOverhead(delay_p50_ms=0.05, delay_p99_ms=9.0, cpu_share=0.95)
    parts = [
        msgspec.structs.replace(PARTS[0], client_overhead=good),
        msgspec.structs.replace(PARTS[1], client_overhead=bad, void_reason="it was slow"),
        msgspec.structs.replace(PARTS[2], partial_reason="interrupted"),
    ]
    merged = merge(parts, LOAD)
    assert merged.client_overhead == ClientOverhead(
        delay_p50_ms=0.1, delay_p99_ms=9.0, cpu_share=0.95
    )
    assert (merged.void_reason, merged.partial_reason) == ("worker 2: it was slow", "interrupted")


def test_errors_and_costs_are_added_up_and_unlike_machines_named() -> None:
    parts = [
        msgspec.structs.replace(
            PARTS[number],
            n_errors={"reset": number, "connect": 1},
            cost=0.5,
            environment=Environment(client={"cores": number, "os": "Linux"}),
        )
        for number in (1, 2)
    ]
    merged = merge(parts, LOAD)
    assert (merged.n_errors, merged.cost) == ({"reset": 3, "connect": 2}, 1.0)
    assert merged.environment.client == {"cores": "1, 2", "os": "Linux"}


def test_chunks_of_one_client_make_all_times_those_between_chunks() -> None:
    token = msgspec.structs.replace(PARTS[0], itl_kind=ItlKind.TOKEN)
    chunk = msgspec.structs.replace(PARTS[1], itl_kind=ItlKind.CHUNK)
    silent = msgspec.structs.replace(PARTS[2], itl_kind=ItlKind.CHUNK, histograms={})
    assert merge([token, chunk], LOAD).itl_kind is ItlKind.CHUNK
    assert merge([token, silent], LOAD).itl_kind is ItlKind.TOKEN
