"""Outcomes on their way to whoever awaits them: a stream of events, or one reply."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from types import TracebackType
from typing import Self

from velocity_local.core.errors import ErrorInfo, from_info
from velocity_local.core.events import Delta, Event, Failed, Finished
from velocity_local.daemon.fleet.effects import Answer, Sink
from velocity_local.daemon.fleet.tickets import StreamInfo, Ticket

# A reader that is this far behind gets its deltas joined.
BACKLOG_EVENTS = 32

Submit = Callable[[Sink], Awaitable[Ticket]]
Forget = Callable[[Ticket], None]


class EventStream:
    """The events of one generation, until every choice has ended.

    As a context: entering submits the request, leaving cancels what is not over. A request that
    fails before its first event raises from the iteration; afterwards its choices end in
    `Failed`. One batch of events wakes the reader once, and no reader holds up the others.
    """

    def __init__(self, submit: Submit, forget: Forget, *, choices: int) -> None:
        self._submit = submit
        self._forget = forget
        self._open_choices = choices
        self._events: deque[Event] = deque()
        self._error: ErrorInfo | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> Self:
        self._ticket = await self._submit(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ticket is not None:
            self._forget(self._ticket)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._error is not None:
                raise from_info(self._error)
            if not self._open_choices:
                raise StopAsyncIteration
            await self._arrival()
        return self._pop()

    @property
    def info(self) -> StreamInfo:
        """What is known of the request so far."""
        assert self._ticket is not None, "the stream has not been entered"
        return self._ticket.info

    def event(self, event: Event) -> None:
        self._events.append(event)
        self._wake()

    def answer(self, answer: Answer) -> None:
        raise AssertionError(f"{type(answer).__name__} for a generation")

    def fail(self, error: ErrorInfo) -> None:
        self._error = error
        self._wake()

    def _pop(self) -> Event:
        if len(self._events) > BACKLOG_EVENTS:
            self._events = deque(joined(self._events))
        event = self._events.popleft()
        if isinstance(event, Finished | Failed):
            self._open_choices -= 1
        return event

    async def _arrival(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Reply:
    """The one answer of a call."""

    def __init__(self) -> None:
        self._future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def received(self) -> Answer:
        return await self._future

    def event(self, event: Event) -> None:
        raise AssertionError(f"{type(event).__name__} for a call")

    def answer(self, answer: Answer) -> None:
        if not self._future.done():
            self._future.set_result(answer)

    def fail(self, error: ErrorInfo) -> None:
        if not self._future.done():
            self._future.set_exception(from_info(error))


def joined(events: Iterable[Event]) -> list[Event]:
    """The same events with the deltas of each choice joined; each choice keeps its order."""
    out: list[Event] = []
    open_deltas: dict[int, list[Delta]] = {}
    for event in events:
        if isinstance(event, Delta):
            open_deltas.setdefault(event.index, []).append(event)
            continue
        if (deltas := open_deltas.pop(event.index, None)) is not None:
            out.append(_join(deltas))
        out.append(event)
    return out + [_join(deltas) for deltas in open_deltas.values()]


def _join(deltas: list[Delta]) -> Delta:
    if len(deltas) == 1:
        return deltas[0]
    return Delta(
        deltas[0].index,
        tuple(chain.from_iterable(delta.tokens for delta in deltas)),
        "".join(delta.text for delta in deltas),
        "".join(delta.reasoning for delta in deltas),
        tuple(chain.from_iterable(delta.tool_calls for delta in deltas)),
        tuple(chain.from_iterable(delta.logprobs for delta in deltas)),
    )
