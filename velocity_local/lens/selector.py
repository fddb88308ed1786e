"""An event loop that knows how long bytes waited for it.

The loop is idle while it waits in `select`. Bytes that arrive while it works wait until it looks
again: that is the delay which measuring adds to what it measures.
"""

import asyncio
import selectors
from time import perf_counter

_IMMEDIATE_S = 50e-6


class MeteredSelector(selectors.DefaultSelector):
    """Notes when the loop begins to work and when it is done."""

    def __init__(self) -> None:
        super().__init__()
        self._began_s = perf_counter()
        self.ready_since_s = self._began_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; afterwards `ready_since_s` is the earliest time at which it can have been.

        What is ready at once came while the loop was working: at the beginning of that, at worst.
        """
        called_s = perf_counter()
        ready = super().select(timeout)
        now_s = perf_counter()
        waited = now_s - called_s > _IMMEDIATE_S
        self.ready_since_s = now_s if waited else self._began_s
        self._began_s = now_s
        return ready


def metered_loop(selector: MeteredSelector) -> asyncio.AbstractEventLoop:
    """A loop on that selector."""
    return asyncio.SelectorEventLoop(selector)
