"""How a download is told to end, by its owner or by one of its own connections."""

import threading
from typing import Protocol

_STEP_S = 0.5


class Stop(Protocol):
    """Says when to end; `threading.Event` is one."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it was set before the time was over."""
        ...


class Stopped(Exception):
    """It was asked to end; what has come stays on disk."""


class Halt:
    """Ends the connections of one transfer: with its owner's `Stop`, or alone."""

    def __init__(self, stop: Stop, *, is_alone: bool) -> None:
        self._stop = stop
        self._over = threading.Event()
        self._is_alone = is_alone

    def set(self) -> None:
        self._over.set()

    def is_set(self) -> bool:
        return self._over.is_set() or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """As `Stop.wait`; in steps if another connection may end it meanwhile."""
        left_s = timeout or 0.0
        step_s = left_s if self._is_alone else _STEP_S
        while left_s > 0 and not self.is_set():
            self._stop.wait(min(left_s, step_s))
            left_s -= step_s
        return self.is_set()
