"""The requests of one model: who waits, who is with the worker, and what has been delivered.

Knows nothing of processes. Every ticket that is added leaves exactly once: answered, finished,
failed or cancelled.
"""

from collections.abc import Callable, Iterable

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Delta, Event, Failed, Finished, Started
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.fleet.effects import Answer
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.failures import poisonous
from velocity_local.daemon.fleet.quarantine import MOVED_ON_TOKENS, Quarantine
from velocity_local.daemon.fleet.tickets import Ticket, WaitForLoad
from velocity_local.wire.ipc.messages import (
    Detokenized,
    Embedded,
    KvTold,
    Loaded,
    Rendered,
    Tokenized,
)

_ANSWERS: dict[type, type] = {
    EmbeddingRequest: Embedded,
    TokenizeRequest: Tokenized,
    DetokenizeRequest: Detokenized,
    RenderRequest: Rendered,
    KvRequest: KvTold,
}


class WrongReportError(Exception):
    """A worker reported what nobody asked it; the message says what."""


class Roster:
    """Tickets by handle, in the order in which they came."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self._tickets: dict[int, Ticket] = {}
        self._was_useful = False
        self.token_count = 0
        """Tokens of answers since the model was first asked for, as they come."""

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def sent_count(self) -> int:
        return sum(ticket.is_sent for ticket in self._tickets.values())

    def add(self, ticket: Ticket) -> None:
        assert ticket.handle not in self._tickets
        self._tickets[ticket.handle] = ticket

    def find(self, handle: int) -> Ticket | None:
        return self._tickets.get(handle)

    def remove(self, ticket: Ticket) -> None:
        del self._tickets[ticket.handle]
        self._quarantine.release(ticket)

    def next_to_send(self, *, only_begun: bool) -> list[Ticket]:
        """Waiting requests that may go to the worker now."""
        unsent = (
            ticket
            for ticket in self._tickets.values()
            if not ticket.is_sent and not isinstance(ticket.request, WaitForLoad)
        )
        return self._quarantine.next_to_send(
            ticket for ticket in unsent if ticket.has_events or not only_begun
        )

    def on_events(self, events: Iterable[tuple[int, Event]], now_s: float) -> bool:
        """Deliver all events of a step; as `on_event`."""
        is_changed = False
        for handle, event in events:
            is_changed |= self.on_event(handle, event, now_s)
        return is_changed

    def on_event(self, handle: int, event: Event, now_s: float) -> bool:
        """Deliver an event. True if others may now be sent, or none is left.

        Raises:
            WrongReportError: if the request has no such choice.
        """
        ticket = self._tickets.get(handle)
        if ticket is None or not ticket.is_sent:
            return False
        if not 0 <= event.index < len(ticket.choices):
            raise WrongReportError(f"event of choice {event.index} of request {handle}")
        choice = ticket.choices[event.index]
        if choice.is_done:
            return False
        if isinstance(event, Delta):
            choice.observe(event)
            ticket.fresh_tokens += len(event.tokens)
            self.token_count += len(event.tokens)
            ticket.has_events = True
            ticket.sink.event(event)
            return ticket.fresh_tokens >= MOVED_ON_TOKENS and self._on_moved_on(ticket)
        if isinstance(event, Started):
            self._start(ticket, event, now_s)
            return False
        return self._end_choice(ticket, event)

    def on_answer(self, handle: int, answer: Answer) -> bool:
        """Deliver the answer of a call. True if there was somebody to take it.

        Raises:
            WrongReportError: if something else was asked.
        """
        ticket = self._tickets.get(handle)
        if ticket is None or not ticket.is_sent:
            return False
        if type(answer) is not _ANSWERS.get(type(ticket.request)):
            raise WrongReportError(f"{type(answer).__name__} for request {handle}")
        self.remove(ticket)
        self._was_useful = True
        ticket.sink.answer(answer)
        return True

    def on_refused(self, handle: int, error: ErrorInfo) -> bool:
        ticket = self._tickets.get(handle)
        if ticket is None or not ticket.is_sent:
            return False
        self.fail(ticket, error)
        return True

    def on_loaded(self, loaded: Loaded) -> None:
        """Answer those that only wanted the model to be ready."""
        for ticket in self._all(lambda ticket: isinstance(ticket.request, WaitForLoad)):
            self.remove(ticket)
            ticket.sink.answer(loaded)

    def take_back(self, now_s: float, end: Exit) -> bool:
        """The worker died: take back what it held, and refuse the one that killed it.

        True if the worker had been of use: some request came further with it, or was answered.
        """
        held = list(self._all(lambda ticket: ticket.is_sent))
        for ticket in held:
            ticket.mark_unsent()
        was_useful = self._was_useful or (
            end.is_from_outside and any(ticket.fresh_tokens for ticket in held)
        )
        self._was_useful = False
        guilty = self._quarantine.convict(held, now_s, is_from_outside=end.is_from_outside)
        if guilty is not None:
            self.fail(guilty, poisonous(end.description))
        return was_useful

    def fail(self, ticket: Ticket, error: ErrorInfo) -> None:
        """End a request; once some of its events are out, each open choice ends in `Failed`."""
        self.remove(ticket)
        if not ticket.has_events:
            ticket.sink.fail(error)
            return
        for choice in ticket.choices:
            if not choice.is_done:
                ticket.sink.event(Failed(choice.index, error))

    def fail_all(self, error: ErrorInfo) -> None:
        self._fail_each(self._all(lambda _: True), error)

    def fail_sent(self, error: ErrorInfo) -> None:
        self._fail_each(self._all(lambda ticket: ticket.is_sent), error)

    def fail_unsent(self, error: ErrorInfo) -> None:
        self._fail_each(self._all(lambda ticket: not ticket.is_sent), error)

    def _fail_each(self, tickets: Iterable[Ticket], error: ErrorInfo) -> None:
        for ticket in tickets:
            self.fail(ticket, error)

    def _all(self, is_meant: Callable[[Ticket], bool]) -> list[Ticket]:
        return [ticket for ticket in self._tickets.values() if is_meant(ticket)]

    def _start(self, ticket: Ticket, event: Started, now_s: float) -> None:
        """A request that goes on in another worker is begun there again; that is not told."""
        choice = ticket.choices[event.index]
        if choice.is_started:
            return
        choice.is_started = True
        ticket.has_events = True
        if ticket.info.queue_ms is None:
            ticket.info.queue_ms = (now_s - ticket.sent_s) * 1000
        ticket.sink.event(event)

    def _on_moved_on(self, ticket: Ticket) -> bool:
        """It has come past the place of an earlier death. True if that frees others."""
        self._was_useful = True
        return self._quarantine.acquits(ticket)

    def _end_choice(self, ticket: Ticket, event: Event) -> bool:
        ticket.choices[event.index].is_done = True
        if isinstance(event, Finished):
            self._was_useful = True
        ticket.has_events = True
        ticket.open_choices -= 1
        is_over = ticket.open_choices == 0
        if is_over:
            self.remove(ticket)
        ticket.sink.event(event)
        return is_over
