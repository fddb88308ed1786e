import pytest

from tests.unit.daemon.gateway.ports import ListMeter, ListRecorder, OneModel, ScriptedRunner
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import ContextOverflow, ErrorInfo, ModelNotFound, QueueFull
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Failed,
    Finished,
    Started,
    Usage,
)
from velocity_local.core.requests import EmbeddingRequest, GenerationRequest, TextPrompt
from velocity_local.daemon.gateway.admission import Bounds
from velocity_local.daemon.gateway.measure import Origin
from velocity_local.daemon.gateway.pipeline import Gateway

ORIGIN = Origin(
    dialect="openai", endpoint="/v1/completions", client="127.0.0.1", stream=True, received_s=0.0
)
ANSWER: tuple[Event, ...] = (
    Started(0, 5, 2),
    Delta(0, (1,), "Hel"),
    Delta(0, (2, 3), "lo"),
    Finished(0, "stop", Usage(5, 4, 2), EngineTimings(1.0, 2.0, 3.0)),
)


class House:
    """A gateway over stand-ins, with one request of one choice."""

    def __init__(self, *script: Event | Exception, waiting: int = 4, text: bool = False) -> None:
        self.clock = ManualClock()
        self.runner = ScriptedRunner(*script)  # type: ignore[arg-type]  # tests raise what they like
        self.recorder = ListRecorder()
        self.meter = ListMeter()
        self.gateway = Gateway(
            models=OneModel(),
            runner=self.runner,
            recorder=self.recorder,
            meter=self.meter,
            clock=self.clock,
            bounds=Bounds(waiting, 1000),
            request_timeout_s=60.0,
            keep_text=text,
        )

    async def run(self, model: str = "demo", n: int = 1) -> list[Event]:
        request = GenerationRequest(id="r1", model=model, prompt=TextPrompt("hi"), n=n)
        async with self.gateway.stream(request, ORIGIN) as events:
            seen = []
            async for event in events:
                self.clock.advance(0.01)
                seen.append(event)
            return seen


async def test_every_event_passes_and_one_row_is_kept() -> None:
    house = House(*ANSWER)
    assert await house.run() == list(ANSWER)
    (row,) = house.recorder.rows
    assert (row.status, row.prompt_tokens, row.cached_tokens) == ("ok", 5, 2)
    assert (row.completion_tokens, row.finish_reason) == (4, "stop")
    assert (row.load_ms, row.resumes, row.fingerprint) == (12.0, 1, "f00d")


async def test_the_row_is_committed_before_the_last_event_is_seen() -> None:
    house = House(*ANSWER)
    request = GenerationRequest(id="r1", model="demo", prompt=TextPrompt("hi"))
    async with house.gateway.stream(request, ORIGIN) as events:
        async for event in events:
            assert bool(house.recorder.rows) == isinstance(event, Finished)


async def test_times_between_tokens_are_spread_over_the_tokens_of_a_delta() -> None:
    house = House(*ANSWER)
    await house.run()
    ((row, itl_ms),) = house.meter.observed
    assert itl_ms == pytest.approx([5.0, 5.0])
    assert row.ttft_ms == pytest.approx(10.0)
    assert row.tokens_per_s == pytest.approx(1000.0)


async def test_an_unknown_model_is_refused_and_leaves_a_row() -> None:
    house = House(*ANSWER)
    with pytest.raises(ModelNotFound):
        await house.run(model="demoo")
    (row,) = house.recorder.rows
    assert (row.status, row.http_status, row.error_code) == ("error", 404, "model_not_found")
    assert house.runner.seen == []


async def test_a_refusal_by_the_worker_leaves_one_row() -> None:
    house = House(ContextOverflow("prompt is 9 tokens; demo holds 8"))
    with pytest.raises(ContextOverflow):
        await house.run()
    (row,) = house.recorder.rows
    assert (row.status, row.http_status) == ("error", 400)


async def test_a_failure_in_the_stream_is_the_rows_error() -> None:
    failure = Failed(0, ErrorInfo("worker_crashed", "gone"))
    house = House(Started(0, 5, 0), Delta(0, (1,), "x"), failure)
    assert (await house.run())[-1] == failure
    (row,) = house.recorder.rows
    assert (row.status, row.http_status, row.error_code) == ("error", 200, "worker_crashed")


async def test_leaving_early_cancels_and_records_it() -> None:
    house = House(*ANSWER)
    request = GenerationRequest(id="r1", model="demo", prompt=TextPrompt("hi"))
    async with house.gateway.stream(request, ORIGIN) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    await house.gateway.close()
    assert house.runner.open_streams == 0
    (row,) = house.recorder.rows
    assert (row.status, row.completion_tokens) == ("cancelled", 1)


async def test_the_request_over_the_bound_is_told_when_to_come_back() -> None:
    house = House(*ANSWER, waiting=0)
    with pytest.raises(QueueFull) as refused:
        await house.run()
    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s >= 1.0


async def test_a_place_is_free_again_once_the_engine_has_begun() -> None:
    house = House(*ANSWER, waiting=1)
    request = GenerationRequest(id="r1", model="demo", prompt=TextPrompt("hi"))
    async with house.gateway.stream(request, ORIGIN) as events:
        assert house.gateway.waiting == 1
        async for event in events:
            if isinstance(event, Delta):
                assert house.gateway.waiting == 0
    assert house.gateway.waiting == 0


async def test_the_row_waits_for_the_last_of_several_choices() -> None:
    ends = [Finished(i, "stop", Usage(5, 3), EngineTimings(0, 1, 2, 7, 5)) for i in range(2)]
    house = House(Started(0, 5, 0), Started(1, 5, 5), *ends)
    await house.run(n=2)
    (row,) = house.recorder.rows
    assert (row.completion_tokens, row.choices) == (6, 2)
    assert (row.drafted_tokens, row.accepted_tokens) == (14, 10)
    assert row.cached_tokens == 0, "a sibling's prefill is no cache"


@pytest.mark.parametrize("text", [False, True])
async def test_texts_are_kept_only_if_asked_for(*, text: bool) -> None:
    house = House(*ANSWER, text=text)
    await house.run()
    (row,) = house.recorder.rows
    assert row.answer_text == ("Hello" if text else None)
    assert (row.prompt_text is not None) == text


async def test_a_request_that_was_not_understood_leaves_a_row() -> None:
    house = House()
    house.gateway.refuse("r9", ORIGIN, ErrorInfo("invalid_value", "n is -1", param="n"))
    (row,) = house.recorder.begun
    assert (row.id, row.status, row.http_status) == ("r9", "error", 400)
    assert row.error_message == "n is -1"


async def test_embeddings_leave_a_row() -> None:
    house = House()
    request = EmbeddingRequest(id="e1", model="demo", inputs=(TextPrompt("a"), TextPrompt("b")))
    embedded = await house.gateway.embed(request, ORIGIN)
    assert len(embedded.vectors) == 2
    (row,) = house.recorder.rows
    assert (row.status, row.prompt_tokens, row.choices) == ("ok", 3, 2)
