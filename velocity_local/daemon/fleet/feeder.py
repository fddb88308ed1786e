"""Sends a worker what waits for it, and ends what has waited for too long."""

from velocity_local.core.clock import Clock
from velocity_local.daemon.fleet import failures
from velocity_local.daemon.fleet.effects import Effects, Timer, TimerKind
from velocity_local.daemon.fleet.minder import Minder
from velocity_local.daemon.fleet.roster import Roster
from velocity_local.daemon.fleet.tickets import Ticket
from velocity_local.wire.ipc.messages import Cancel


class Feeder:
    """Between one model's roster and its worker."""

    def __init__(self, model: str, roster: Roster, *, effects: Effects, clock: Clock) -> None:
        self._model = model
        self._roster = roster
        self._effects = effects
        self._clock = clock

    def feed(self, worker: Minder, *, only_begun: bool) -> None:
        """Send it what it may have now."""
        now_s = self._clock.monotonic_s()
        for ticket in self._roster.next_to_send(only_begun=only_begun):
            self._effects.disarm(self._expiry(ticket.handle))
            worker.send(ticket.command(now_s))
            ticket.mark_sent(now_s)

    def wait(self, ticket: Ticket, now_s: float) -> None:
        """It cannot be sent yet; its time counts."""
        ticket.has_waited = True
        if ticket.waits_until_s is not None:
            self._effects.arm(self._expiry(ticket.handle), ticket.waits_until_s - now_s)

    def withdraw(self, handle: int, worker: Minder | None) -> bool:
        """Forget a request at once. False if there is none."""
        ticket = self._roster.find(handle)
        if ticket is None:
            return False
        self._roster.remove(ticket)
        self._effects.disarm(self._expiry(handle))
        if ticket.is_sent and worker is not None:
            worker.send(Cancel(handle))
        return True

    def expire(self, handle: int) -> bool:
        """Its time is over: end it, unless it was sent meanwhile. True if it ended."""
        ticket = self._roster.find(handle)
        if ticket is None or ticket.is_sent:
            return False
        waited_s = self._clock.monotonic_s() - ticket.submitted_s
        has_more_time = ticket.waits_until_s != ticket.deadline_s
        failure = failures.not_begun if has_more_time else failures.waited_too_long
        self._roster.fail(ticket, failure(self._model, waited_s))
        return True

    def _expiry(self, handle: int) -> Timer:
        return Timer(TimerKind.EXPIRY, self._model, handle)
