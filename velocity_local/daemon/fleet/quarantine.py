"""Finds the request that kills workers, and spares those that merely ran beside it.

Every request a dying worker held gets a strike, unless it had moved on since its last one: who
kills by its content does so at the same place again. After the first death all go on together,
since most deaths are nobody's fault. From two strikes on, requests are tried one at a time: each
gets the next worker to itself until it has moved past the place, or is over. The one that is
alone when a worker dies again is refused, and so is its content for a while.
"""

from collections.abc import Iterable, Sequence

from velocity_local.daemon.fleet.tickets import Ticket, WaitForLoad

SUSPECT_STRIKES = 2
# Deltas that were lost with the worker may hold a few tokens.
MOVED_ON_TOKENS = 4
MAX_REMEMBERED = 1024


class Quarantine:
    """The suspects of one model."""

    def __init__(self, *, memory_s: float) -> None:
        self._memory_s = memory_s
        self._on_trial: Ticket | None = None
        self._refused: dict[bytes, float] = {}

    def convict(self, held: Sequence[Ticket], now_s: float) -> Ticket | None:
        """A worker died holding these: the one that is to blame, if that is clear by now."""
        suspect, self._on_trial = self._on_trial, None
        if suspect is None:
            for ticket in held:
                ticket.strikes = 1 if ticket.fresh_tokens >= MOVED_ON_TOKENS else ticket.strikes + 1
            if len(held) == 1 and held[0].strikes >= SUSPECT_STRIKES:
                suspect = held[0]
        if suspect is not None:
            self._remember(suspect.content_key(), now_s)
        return suspect

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
