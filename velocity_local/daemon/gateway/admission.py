"""A bound on waiting: who comes when too many wait is told when to come back."""

from velocity_local.core.clock import Clock
from velocity_local.core.errors import QueueFull

_SMOOTHING = 0.2
_LONGEST_RETRY_S = 60.0


class Ticket:
    """One admitted request, waiting until `start` or `leave` is called."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self._waits = True

    def start(self) -> None:
        """The engine has begun with the request."""
        if self._waits:
            self._waits = False
            self._admission.note_start()

    def leave(self) -> None:
        """The request ended, started or not."""
        if self._waits:
            self._waits = False
            self._admission.note_leave()


class Admission:
    """Counts requests that wait for the engine and refuses those over the bound."""

    def __init__(self, most_waiting: int, clock: Clock) -> None:
        self._most_waiting = most_waiting
        self._clock = clock
        self._waiting = 0
        self._start_gap_s = 1.0
        self._last_start_s: float | None = None

    @property
    def waiting(self) -> int:
        return self._waiting

    def enter(self) -> Ticket:
        """Admit one request.

        Raises:
            QueueFull: with an estimate of when a place is free.
        """
        if self._waiting >= self._most_waiting:
            raise QueueFull(
                f"{self._waiting} requests wait already, which is the limit; try again later",
                retry_after_s=min(_LONGEST_RETRY_S, max(1.0, self._waiting * self._start_gap_s)),
                details={"waiting": self._waiting, "limit": self._most_waiting},
            )
        if self._waiting == 0:
            self._last_start_s = None
        self._waiting += 1
        return Ticket(self)

    def note_start(self) -> None:
        self._waiting -= 1
        now_s = self._clock.monotonic_s()
        if self._last_start_s is not None:
            gap_s = now_s - self._last_start_s
            self._start_gap_s += _SMOOTHING * (gap_s - self._start_gap_s)
        self._last_start_s = now_s

    def note_leave(self) -> None:
        self._waiting -= 1
