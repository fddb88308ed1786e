"""Lets two drivers of one event loop ask in turns: one waits while the other's requests run.

What the machine does meanwhile (other tenants, a clock that throttles) is then on both sides, and
not in their difference: Bulej et al., "Duet Benchmarking", ICPE 2020. The order is A B, B A, A B,
so that going first is no advantage.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SIDES = 2


class Relay:
    """Whose turn it is. Made in the event loop that both sides run in."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._prepared = asyncio.Barrier(_SIDES)
        self._n_turns = 0
        self._has_left = False

    def batons(self) -> tuple["Baton", "Baton"]:
        return Baton(self, 0), Baton(self, 1)

    async def prepared(self) -> None:
        """Return when both sides may begin."""
        await self._prepared.wait()

    async def wait(self, side: int) -> None:
        """Return when it is that side's turn, or nobody else wants one."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_left or self._whose() == side)

    async def pass_on(self) -> None:
        self._n_turns += 1
        async with self._changed:
            self._changed.notify_all()

    async def leave(self) -> None:
        """One side asks no more: the other waits no longer."""
        self._has_left = True
        async with self._changed:
            self._changed.notify_all()

    def _whose(self) -> int:
        round_, place = divmod(self._n_turns, _SIDES)
        return place if round_ % 2 == 0 else 1 - place


class Baton:
    """One side's hold on it."""

    def __init__(self, relay: Relay, side: int) -> None:
        self._relay = relay
        self._side = side

    async def prepared(self) -> None:
        """Return when both sides may begin."""
        await self._relay.prepared()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Waits for the side's turn, and passes it on at the end."""
        await self._relay.wait(self._side)
        try:
            yield
        finally:
            await self._relay.pass_on()

    async def leave(self) -> None:
        """Ask no more."""
        await self._relay.leave()
