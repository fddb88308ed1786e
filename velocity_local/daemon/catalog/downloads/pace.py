"""How fast downloads may be, all together."""

import threading
from typing import Protocol

from velocity_local.core.clock import Clock

_BURST_S = 0.25


class Wait(Protocol):
    """Waits unless it is told to end."""

    def wait(self, timeout: float | None = None) -> bool: ...


class Pace:
    """A limit that threads share. `bytes_per_s` None is no limit."""

    def __init__(self, bytes_per_s: int | None, *, clock: Clock) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._free_s = clock.monotonic_s()

    def spend(self, n_bytes: int, stop: Wait) -> None:
        """These bytes have come: return when the next may."""
        if self._bytes_per_s is None:
            return
        with self._lock:
            now_s = self._clock.monotonic_s()
            self._free_s = max(self._free_s, now_s - _BURST_S) + n_bytes / self._bytes_per_s
            delay_s = self._free_s - now_s
        if delay_s > 0:
            stop.wait(delay_s)
