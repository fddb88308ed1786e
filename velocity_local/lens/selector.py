"""An event loop that knows when bytes were there, and how long they may have waited for it.

While the loop waits in `select` it is idle, and what it wakes up for has just come: that moment is
the bytes' time, however many other connections are read before them. What comes while the loop
works waits until it looks again: that is the delay which measuring adds to what it measures.
"""

import asyncio
import selectors
from time import perf_counter

_IMMEDIATE_S = 50e-6


class MeteredSelector(selectors.DefaultSelector):
    """Notes when the loop begins to work and when it is done.

    `woke_s` is when the bytes that are now read were found; `delay_s` how much earlier they may
    have come, at worst: what is there at once came while the loop was working.
    """

    def __init__(self) -> None:
        super().__init__()
        self.woke_s = perf_counter()
        self.delay_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        called_s = perf_counter()
        ready = super().select(timeout)
        now_s = perf_counter()
        waited = now_s - called_s > _IMMEDIATE_S
        self.delay_s = 0.0 if waited else now_s - self.woke_s
        self.woke_s = now_s
        return ready


def metered_loop(selector: MeteredSelector) -> asyncio.AbstractEventLoop:
    """A loop on that selector."""
    return asyncio.SelectorEventLoop(selector)
