"""Asks again until there is an answer, or the time is over."""

import threading
from collections.abc import Callable
from typing import TypeVar

from velocity_local.core.clock import Clock, SystemClock

T = TypeVar("T")
Pause = Callable[[float], object]


def wait_for(
    probe: Callable[[], T | None],
    *,
    timeout_s: float,
    interval_s: float = 0.02,
    clock: Clock | None = None,
    pause: Pause | None = None,
) -> T | None:
    """The first answer of `probe` that is not None; None if there is none in time."""
    clock = clock or SystemClock()
    pause = pause or threading.Event().wait
    end_s = clock.monotonic_s() + timeout_s
    while (answer := probe()) is None:
        if clock.monotonic_s() >= end_s:
            return None
        pause(interval_s)
    return answer
