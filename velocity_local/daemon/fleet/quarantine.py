"""Finds the request that kills workers, and spares those that merely ran beside it.

Every request that a dying worker held gets strikes, unless it had moved on since its last ones:
what kills by its content does so at the same place again. After the first death all go on
together, since most deaths are nobody's fault. Suspects are then tried one at a time: each gets
the next worker to itself until it has moved past the place, or is over. The one that is alone
when a worker dies once more is refused, and so is its content for a while.

A process that is ended from outside was hardly ended by a prompt, so that counts half: with a
worker to itself, two crashes or four such ends are the end of a request.
"""

from collections.abc import Iterable, Sequence

from velocity_local.daemon.fleet.tickets import Ticket, WaitForLoad

CRASH_STRIKES, OUTSIDE_STRIKES = 2, 1
SUSPECT_STRIKES = 4
GUILTY_STRIKES = 6
# Deltas that were lost with the worker may hold a few tokens.
MOVED_ON_TOKENS = 4
MAX_REMEMBERED = 1024


class Quarantine:
    """The suspects of one model."""

    def __init__(self, *, memory_s: float) -> None:
        self._memory_s = memory_s
        self._on_trial: Ticket | None = None
        self._refused: dict[bytes, float] = {}

    def convict(
        self, held: Sequence[Ticket], now_s: float, *, is_from_outside: bool
    ) -> Ticket | None:
        """A worker died holding these: the one that is to blame, if that is clear by now."""
        strikes = OUTSIDE_STRIKES if is_from_outside else CRASH_STRIKES
        on_trial, self._on_trial = self._on_trial, None
        accused = held if on_trial is None else [on_trial]
        for ticket in accused:
            has_moved_on = ticket.fresh_tokens >= MOVED_ON_TOKENS
            ticket.strikes = strikes if has_moved_on else ticket.strikes + strikes
        is_alone = on_trial is None and len(held) == 1
        enough = SUSPECT_STRIKES if is_alone else GUILTY_STRIKES
        if len(accused) != 1 or accused[0].strikes < enough:
            return None
        self._remember(accused[0].content_key(), now_s)
        return accused[0]

    def next_to_send(self, unsent: Iterable[Ticket]) -> list[Ticket]:
        """Those that may go to the worker now, in order."""
        if self._on_trial is not None:
            return []
        waiting = list(unsent)
        for ticket in waiting:
            if ticket.strikes >= SUSPECT_STRIKES:
                self._on_trial = ticket
                return [ticket]
        return waiting

    def acquits(self, ticket: Ticket) -> bool:
        """True once, if `ticket`, which has moved past the place of the deaths, was on trial."""
        if ticket is not self._on_trial:
            return False
        self.release(ticket)
        return True

    def release(self, ticket: Ticket) -> None:
        """It is over, or was acquitted; the others may go on."""
        ticket.strikes = 0
        if ticket is self._on_trial:
            self._on_trial = None

    def is_refused(self, ticket: Ticket, now_s: float) -> bool:
        """True if its content has killed two workers lately."""
        if not self._refused or isinstance(ticket.request, WaitForLoad):
            return False
        refused_s = self._refused.get(ticket.content_key())
        return refused_s is not None and now_s - refused_s < self._memory_s

    def forget(self) -> None:
        """The model was loaded anew by hand: everybody gets another chance."""
        self._refused.clear()

    def _remember(self, key: bytes, now_s: float) -> None:
        self._refused[key] = now_s
        if len(self._refused) > MAX_REMEMBERED:
            del self._refused[next(iter(self._refused))]
