"""Whole runs over real sockets: loads, retries, interruption, and what the result says."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.support.chat_server import HELLO, STOP, TEXT, USAGE, Served, serving
from tests.support.wire_server import Close, Reset, Stall, Step, event_stream, json_answer
from tests.unit.lens.running import LENS, scenario
from velocity_local.lens.api import Lens
from velocity_local.lens.errors import LensError
from velocity_local.lens.events import Answered, Began, Ended, Event
from velocity_local.lens.goodness import good_share
from velocity_local.lens.loads import Burst, Concurrency, Constant, Iterations
from velocity_local.lens.results import CheckOutcome, CountSource, Metric
from velocity_local.lens.samples import collect
from velocity_local.lens.scenarios import (
    Embeddings,
    Patience,
    PromptFile,
    Quota,
    Retries,
    Scenario,
    Slo,
    Synthetic,
    Target,
)
from velocity_local.lens.surroundings import machine_facts

SLOW_DOWN = json_answer('{"error":{"message":"slow"}}', "429 Too Many", "Retry-After: 0.01")
BUSY = json_answer('{"error":{"message":"busy"}}', "503 Busy")


def test_iterations_come_one_after_another() -> None:
    with serving(lambda _: HELLO) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=3)))
    assert (result.n_requests, result.n_errors, result.n_output_tokens) == (3, {}, 6)
    assert served.server.n_connections == 2, "one for the tokenizer, one for the run"
    ends = [record.sent_s + (record.e2e_ms or 0) / 1000 for record in result.records]
    starts = [record.start_s for record in result.records]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


def test_the_machine_of_a_server_that_is_here_is_told() -> None:
    with serving(lambda _: HELLO) as served:
        facts = LENS.run(scenario(served, load=Iterations(requests=1))).environment
    assert facts.machine["cpu"]
    assert isinstance(facts.machine["threads"], int)
    assert machine_facts(None, "api.example.com") == {}, "nobody knows the machine of another"


def test_warming_up_is_not_measured() -> None:
    with serving(lambda _: HELLO) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=3), warmup_requests=4))
    assert (served.n_chats, result.n_requests) == (7, 3)
    assert result.records[0].intended_start_s >= 0


def test_streams_run_at_once() -> None:
    release = threading.Event()

    def answers(number: int) -> Sequence[Step]:
        if number == 2:
            release.set()
        return HELLO

    with serving(answers) as served:
        load = Concurrency(streams=3, requests=9)
        result = LENS.run(scenario(served, load=load))
    assert release.is_set()
    assert result.n_requests == 9
    assert sorted(record.index for record in result.records) == list(range(9))
    assert max(x.start_s for x in result.records[:3]) < min(
        x.sent_s + (x.e2e_ms or 0) / 1000 for x in result.records[:3]
    )


def test_a_server_that_stalls_does_not_slow_down_its_own_measurement() -> None:
    """With one request in flight at a time, the wait of those behind it counts as their latency."""
    with serving(lambda number: [Stall()] if number == 0 else HELLO) as served:
        load = Constant(rate_per_s=100, requests=5, max_in_flight=1)
        patience = Patience(first_byte_s=0.2)
        result = LENS.run(scenario(served, load=load, patience=patience))
    stalled, *others = result.records
    assert stalled.error_kind == "timeout_first_byte"
    assert [record.intended_start_s for record in others] == pytest.approx([0.01, 0.02, 0.03, 0.04])
    assert all(record.wait_ms > 100 for record in others)
    assert all((record.ttft_ms or 0) < 100 for record in others)
    values = collect([result], Metric.TTFT_MS)
    assert values is not None
    assert values.percentile(0) > 100


def test_the_clients_own_crowd_is_no_latency_of_a_closed_load() -> None:
    with serving(lambda _: HELLO) as served:
        result = LENS.run(scenario(served, load=Concurrency(streams=64, requests=64)))
    starts = [record.intended_start_s for record in result.records]
    assert starts == sorted(starts)
    assert len(set(starts)) == 64, "each starts when its turn has come, not all at once"


def test_a_burst_starts_together() -> None:
    with serving(lambda _: HELLO) as served:
        result = LENS.run(scenario(served, load=Burst(size=4, every_s=0.05, requests=8)))
    starts = [record.intended_start_s for record in result.records]
    assert starts == pytest.approx([0] * 4 + [0.05] * 4)


@pytest.mark.parametrize("refusal", [SLOW_DOWN, BUSY])
def test_retries_are_made_and_counted(refusal: bytes) -> None:
    with serving(lambda number: [refusal] if number < 2 else HELLO) as served:
        retries = Retries(most=3, first_wait_s=0.01)
        result = LENS.run(scenario(served, load=Iterations(requests=1), retries=retries))
    record = result.records[0]
    assert (record.error_kind, record.retries, served.n_chats) == (None, 2, 3)
    assert result.n_retries == 2
    assert record.wait_ms >= record.retry_wait_ms > 0


def test_a_server_that_wants_too_long_a_wait_is_not_asked_again() -> None:
    later = json_answer('{"error":{"message":"slow"}}', "429 Too Many", "Retry-After: 3600")
    with serving(lambda _: [later]) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=1), retries=Retries(most=5)))
    assert (served.n_chats, result.n_errors) == (1, {"rate_limit": 1})


def test_a_quota_in_tokens_is_no_latency_of_an_open_load_either() -> None:
    with serving(lambda _: HELLO) as served:
        load = Constant(rate_per_s=1000, requests=8)
        quota = Quota(tokens_per_min=600)  # claims of 4, corrected to the 5 that are used
        result = LENS.run(scenario(served, load=load, quota=quota))
    assert result.n_errors == {}
    assert all(record.wait_ms < 100 for record in result.records)


def test_a_redirection_is_not_followed() -> None:
    away = json_answer("", "307 Temporary Redirect", "Location: http://elsewhere.invalid/")
    with serving(lambda _: [away]) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=1)))
    assert result.records[0].status == 307
    assert result.n_errors == {"http_status": 1}


def test_without_retries_a_rate_limit_is_an_error() -> None:
    with serving(lambda _: [SLOW_DOWN]) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=2)))
    assert result.n_errors == {"rate_limit": 2}


def test_what_asking_again_cannot_help_is_not_asked_again() -> None:
    refusal = json_answer('{"error":{"message":"no such model"}}', "404 Not Found")
    with serving(lambda _: [refusal]) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=1), retries=Retries(most=5)))
    assert (served.n_chats, result.n_errors) == (1, {"http_status": 1})


def test_a_kept_connection_that_the_server_closed_is_no_error_but_a_retry() -> None:
    with serving(lambda number: [Close()] if number == 1 else HELLO) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=3)))
    assert result.n_errors == {}
    assert [record.retries for record in result.records] == [0, 1, 0]
    assert (served.n_chats, result.n_retries) == (4, 1)


def test_a_server_that_keeps_no_connection_is_found_out_at_once() -> None:
    """It drops the second request of every connection; only the first time is that a surprise."""
    seen: set[int] = set()

    def answers(_: int) -> Sequence[Step]:
        connection = found[0].server.requests[-1].connection
        is_second = connection in seen
        seen.add(connection)
        return [Close()] if is_second else HELLO

    found: list[Served] = []
    with serving(answers) as served:
        found.append(served)
        result = LENS.run(scenario(served, load=Iterations(requests=5)))
    assert (result.n_errors, result.n_retries) == ({}, 1)


def test_a_new_connection_that_the_server_closed_is_an_error() -> None:
    with serving(lambda _: [Close()]) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=2)))
    assert (served.n_chats, result.n_errors) == (2, {"reset": 2})


def test_an_answer_that_broke_off_is_not_asked_again() -> None:
    half = [*HELLO[:2], Reset()]
    with serving(lambda _: half) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=1), retries=Retries(most=5)))
    assert (served.n_chats, result.n_errors) == (1, {"reset": 1})
    assert result.records[0].ttft_ms is not None


def test_a_key_that_a_server_repeats_is_not_kept() -> None:
    refusal = json_answer('{"error":{"message":"wrong key sk-very-secret"}}', "401 No")
    with serving(lambda _: [refusal]) as served:
        target = Target(provider="openai_compatible", url=served.url, model="m", key_env="K")
        lens = Lens(environ={"K": "sk-very-secret"})
        result = lens.run(scenario(served, target=target, load=Iterations(requests=1)))
        key = served.server.requests[-1].headers["authorization"]
    assert key == "Bearer sk-very-secret"
    assert b"sk-very-secret" not in msgspec.json.encode(result)
    assert result.n_errors == {"http_status": 1}


def test_a_price_makes_a_cost(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        '[[price]]\nprovider = "openai_compatible"\nmodel = "m"\ninput = 1000\noutput = 10000\n'
        'batch = 0.5\ncurrency = "EUR"\ndated = "2026-01-01"\n'
    )
    with serving(lambda _: HELLO) as served:
        lens = Lens(environ={"VELOCITY_HOME": str(tmp_path)})
        result = lens.run(scenario(served, load=Iterations(requests=2)))
    assert (result.currency, result.prices_dated) == ("EUR", "2026-01-01")
    assert result.cost == pytest.approx(2 * (3 * 0.001 + 2 * 0.01))
    assert result.batch_cost == pytest.approx(3 * 0.001 + 2 * 0.01)


def test_what_cannot_be_asked_is_told_before_anything_is() -> None:
    with serving(lambda _: HELLO) as served:
        target = Target(provider="anthropic", url=served.url, model="m")
        with pytest.raises(LensError, match="no embeddings"):
            LENS.run(scenario(served, target=target, workload=Embeddings()))
        odd = Target(provider="openai_compatible", url=served.url, model="m", key_env="K")
        with pytest.raises(LensError, match="no header may have"):
            Lens(environ={"K": "two\nlines"}).run(scenario(served, target=odd))
    assert served.n_chats == 0


def test_a_conversation_goes_on_with_what_was_answered() -> None:
    with serving(lambda _: HELLO) as served:
        work = Synthetic(prompt_tokens=8, output_tokens=4, turns=3)
        result = LENS.run(scenario(served, load=Concurrency(streams=1, requests=3), workload=work))
        roles = [[turn["role"] for turn in body["messages"]] for body in served.bodies]  # type: ignore[attr-defined]  # JSON
        answer = served.bodies[-1]["messages"][1]["content"]  # type: ignore[index]  # JSON
    assert result.n_requests == 3
    assert roles == [["user"], ["user", "assistant", "user"], ["user", "assistant"] * 2 + ["user"]]
    assert answer == "Hello"


def test_prompts_of_a_file_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"id":"a","prompt":"Say hello","contains":"Hello"}\n'
        '{"id":"b","prompt":"Say bye","matches":"^Bye"}\n'
    )
    with serving(lambda _: HELLO) as served:
        result = LENS.run(
            scenario(served, load=Iterations(requests=2), workload=PromptFile(path=str(path)))
        )
    outcomes = {record.prompt_id: record.check for record in result.records}
    assert outcomes == {"a": CheckOutcome.PASSED, "b": CheckOutcome.FAILED}
    assert result.n_wrong == 1


def test_embeddings_are_measured() -> None:
    answer = '{"data":[{"embedding":[0.1]}],"model":"m","usage":{"prompt_tokens":4}}'
    with serving(lambda _: [json_answer(answer)]) as served:
        result = LENS.run(
            scenario(served, load=Iterations(requests=2), workload=Embeddings(batch=1))
        )
    assert result.n_errors == {}
    assert all(record.e2e_ms for record in result.records)


def test_a_count_that_cannot_be_is_not_taken() -> None:
    lie = USAGE.replace('"completion_tokens":2', '"completion_tokens":200000')
    with serving(lambda _: event_stream(TEXT % "Hel", TEXT % "lo", STOP, lie)) as served:
        result = LENS.run(scenario(served, load=Iterations(requests=1)))
    tokens = result.records[0].tokens
    assert tokens is not None
    assert (tokens.source, tokens.output) == (CountSource.CHUNKS, 2)


def test_a_quota_is_no_latency() -> None:
    with serving(lambda _: HELLO) as served:
        quota = Quota(requests_per_min=1200)
        result = LENS.run(scenario(served, load=Concurrency(streams=2, requests=4), quota=quota))
    assert all(record.wait_ms < 50 for record in result.records)


def test_a_time_ends_a_load() -> None:
    with serving(lambda _: HELLO) as served:
        result = LENS.run(scenario(served, load=Concurrency(streams=2, duration_s=0.1)))
    assert result.n_requests > 0
    late = [record for record in result.records if record.intended_start_s >= 0.1]
    assert len(late) <= 2, "each stream may have looked at the time just before"
    assert result.partial_reason is None


def test_many_records_become_histograms() -> None:
    with serving(lambda _: HELLO) as served:
        load = Concurrency(streams=4, requests=12)
        slo = Slo(e2e_ms=60_000)
        result = LENS.run(scenario(served, load=load, keep_records=5, slo=slo))
    assert result.records == ()
    assert (result.n_good, good_share(result)) == (12, 1.0)
    assert result.slices is not None
    assert sum(result.slices.requests) == pytest.approx(12)
    assert result.n_requests == 12
    assert result.histograms[Metric.TTFT_MS].n == 12
    assert result.n_output_tokens == 24


async def test_a_run_can_be_listened_to_from_another_loop() -> None:
    with serving(lambda _: HELLO) as served:
        seen: list[Event] = [
            each async for each in LENS.stream(scenario(served, load=Iterations(requests=3)))
        ]
    kinds = [type(event) for event in seen if not isinstance(event, Began | Ended)]
    assert kinds.count(Answered) == 3
    assert isinstance(seen[-1], Ended)
    assert seen[-1].result.n_requests == 3


async def test_an_error_reaches_the_one_who_listens() -> None:
    bad = Scenario(target=Target(provider="openai_compatible", model="m"))
    with pytest.raises(LensError, match=r"target\.url"):
        [each async for each in LENS.stream(bad)]


def test_an_interrupted_run_keeps_what_it_has() -> None:
    with serving(lambda number: HELLO if number < 2 else [Stall()]) as served:
        load = Concurrency(streams=1, requests=10)

        def stop_after_two(event: Event) -> None:
            if isinstance(event, Answered) and event.record.index == 1:
                threading.Timer(0.05, execution.cancel).start()

        execution = LENS.execution(scenario(served, load=load), on_event=stop_after_two)
        result = execution.run()
    assert result.partial_reason == "interrupted"
    assert [record.error_kind for record in result.records] == [None, None, "interrupted"]
    assert result.duration_s > 0


async def test_leaving_the_awaiting_task_ends_the_run() -> None:
    loop, began = asyncio.get_running_loop(), asyncio.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Began):
            loop.call_soon_threadsafe(began.set)

    with serving(lambda _: [Stall()]) as served:
        task = asyncio.create_task(LENS.run_async(scenario(served), on_event=listen))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
