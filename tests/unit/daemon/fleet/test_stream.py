"""What a caller sees of a stream and of a call, however the outcome arrives."""

import asyncio

import pytest

from velocity_local.core.errors import ContextOverflow, ErrorInfo, ModelFailed
from velocity_local.core.events import Delta, EngineTimings, Event, Failed, Finished, Usage
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.daemon.fleet.effects import Sink
from velocity_local.daemon.fleet.stream import BACKLOG_EVENTS, EventStream, Reply
from velocity_local.daemon.fleet.tickets import Ticket, new_ticket
from velocity_local.wire.ipc.messages import Detokenized

FINISHED = Finished(0, "stop", Usage(1, 1), EngineTimings(0.0, 0.0, 0.0))


class Desk:
    """Takes requests and remembers which were given up."""

    def __init__(self, *, choices: int = 1) -> None:
        self.forgotten: list[Ticket] = []
        self.stream = EventStream(self._submit, self.forgotten.append, choices=choices)

    async def _submit(self, sink: Sink) -> Ticket:
        request = GenerationRequest(id="a", model="m", prompt=TextPrompt("x"))
        return new_ticket(1, request, sink=sink, model="m", fingerprint="f", submitted_s=0.0)


def delta(text: str, *, choice: int = 0) -> Delta:
    return Delta(choice, tuple(text.encode()), text)


async def collected(stream: EventStream) -> list[Event]:
    return [event async for event in stream]


async def test_events_come_in_order_and_the_last_ends_the_stream() -> None:
    desk = Desk()
    async with desk.stream as events:
        for event in (delta("a"), delta("b"), FINISHED):
            events.event(event)
        assert await collected(events) == [delta("a"), delta("b"), FINISHED]


async def test_a_stream_of_two_choices_ends_with_the_second() -> None:
    desk = Desk(choices=2)
    async with desk.stream as events:
        failed = Failed(1, ErrorInfo("x", "y"))
        for event in (FINISHED, delta("b", choice=1), failed):
            events.event(event)
        assert (await collected(events))[-1] == failed


async def test_a_reader_that_waits_is_woken() -> None:
    desk = Desk()
    async with desk.stream as events:
        reader = asyncio.create_task(collected(events))
        await asyncio.sleep(0)
        events.event(delta("a"))
        events.event(FINISHED)
        assert len(await reader) == 2


async def test_an_early_failure_is_raised() -> None:
    desk = Desk()
    async with desk.stream as events:
        events.fail(ErrorInfo("context_length_exceeded", "too long", details={"n_ctx": 5}))
        with pytest.raises(ContextOverflow, match="too long") as caught:
            await anext(events)
    assert caught.value.details == {"n_ctx": 5}


async def test_leaving_gives_the_request_up() -> None:
    desk = Desk()
    async with desk.stream as events:
        events.event(delta("a"))
        await anext(events)
    assert [ticket.handle for ticket in desk.forgotten] == [1]


async def test_a_cancelled_reader_gives_the_request_up() -> None:
    desk = Desk()

    async def read() -> None:
        async with desk.stream as events:
            await anext(events)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert len(desk.forgotten) == 1


async def test_a_reader_that_is_behind_gets_joined_deltas() -> None:
    desk = Desk()
    async with desk.stream as events:
        for _ in range(BACKLOG_EVENTS + 1):
            events.event(delta("ab"))
        events.event(FINISHED)
        whole, end = await collected(events)
    assert (whole, end) == (delta("ab" * (BACKLOG_EVENTS + 1)), FINISHED)


async def test_info_tells_of_the_request() -> None:
    desk = Desk()
    async with desk.stream as events:
        assert (events.info.fingerprint, events.info.load_ms, events.info.resumes) == ("f", 0, 0)


async def test_a_call_gets_its_answer_or_its_error() -> None:
    answered, failed = Reply(), Reply()
    answered.answer(Detokenized(1, "text"))
    answered.answer(Detokenized(1, "again"))
    failed.fail(ErrorInfo("model_failed", "no"))
    assert await answered.received() == Detokenized(1, "text")
    with pytest.raises(ModelFailed):
        await failed.received()
