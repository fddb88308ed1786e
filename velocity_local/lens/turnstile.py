"""Lets few through at a time, so that no crowd keeps the event loop from looking at its sockets.

When a thousand streams end together, a thousand records are to be made and a thousand requests to
be written. Between every few of them the loop looks for bytes that have come.
"""

import asyncio
from collections import deque

WIDTH = 4


class Turnstile:
    """`WIDTH` passes for each look of the loop; those who wait pass in the order they came."""

    def __init__(self, width: int = WIDTH) -> None:
        self._width = width
        self._passed = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_turning = False

    async def turn(self) -> None:
        """Return when it is one's turn."""
        loop = asyncio.get_running_loop()
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._next, loop)
        if self._passed < self._width and not self._waiting:
            self._passed += 1
            return
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        await place

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._passed = 0
        while self._waiting and self._passed < self._width:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                self._passed += 1
        self._is_turning = bool(self._passed)
        if self._is_turning:
            loop.call_soon(self._next, loop)
