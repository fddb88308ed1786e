"""The daemon's history as a run, and as a trace."""

import pytest

from velocity_local.core.history import RequestRow
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.passive import passive_run
from velocity_local.lens.results import LoadKind, Metric
from velocity_local.lens.samples import collect
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.traces import TraceSource, from_history
from velocity_local.lens.words import WordTexts


def row(identifier: str, created_s: float, **more: object) -> RequestRow:
    fields: dict[str, object] = {
        "dialect": "openai",
        "endpoint": "chat",
        "model": "demo",
        "fingerprint": "f",
        "status": "ok",
        "http_status": 200,
        "stream": True,
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "cached_tokens": 2,
        "queue_ms": 1.0,
        "prefill_ms": 20.0,
        "ttft_ms": 25.0,
        "total_ms": 65.0,
        **more,
    }
    return RequestRow(id=identifier, created_s=created_s, **fields)  # type: ignore[arg-type]  # by name


ROWS = (
    row("late", 300.0),
    row("b", 120.0, ttft_ms=35.0),
    row("a", 110.0),
    row("refused", 130.0, status="error", http_status=429, error_message="full", total_ms=1.0),
    row("gone", 140.0, status="cancelled", http_status=499),
    row("now", 150.0, status="running", http_status=0),
    row("other", 160.0, model="else"),
    row("early", 10.0),
)


def test_a_window_of_history_is_a_run() -> None:
    run = passive_run(ROWS, since_s=100, until_s=200, model="demo")
    assert [record.prompt_id for record in run.records] == ["a", "b", "refused", "gone"]
    assert run.n_errors == {"rate_limit": 1, "interrupted": 1}
    assert (run.load.kind, run.duration_s, run.model) == (LoadKind.PASSIVE, 100, "demo")
    ttft = collect([run], Metric.TTFT_MS)
    assert ttft is not None
    assert [ttft.value(0), ttft.value(1)] == [25.0, 35.0]
    assert collect([run], Metric.TPOT_MS) is not None
    assert collect([run], Metric.ITL_MS) is None


def test_history_can_be_replayed() -> None:
    trace = from_history(ROWS)
    assert [each.start_s for each in trace] == sorted(each.start_s for each in trace)
    source = TraceSource(Scenario(), trace, WordTexts(), nonce="n")
    first = next(source.sessions())
    assert first.ask.max_tokens == 5
    assert len(str(first.ask.input.turns[0].content).split()) == 10  # type: ignore[union-attr]  # a chat
    again = next(TraceSource(Scenario(), trace, WordTexts(), nonce="other").sessions())
    assert again.ask.input != first.ask.input


def test_a_history_of_nothing_is_no_trace() -> None:
    with pytest.raises(BadScenario, match="no finished request"):
        from_history([row("x", 1.0, completion_tokens=None)])
