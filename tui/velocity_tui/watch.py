"""Looks at the daemon four times a second and tells what it sees; outlives the daemon."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from velocity_local.client import api
from velocity_local.client.errors import ApiError, ClientError, Unreachable
from velocity_local.client.http import HttpClient
from velocity_local.config.errors import ConfigError
from velocity_local.core.clock import Clock
from velocity_local.core.history import RequestRow
from velocity_local.wire.http.admin import StatusAnswer, SystemAnswer
from velocity_tui.door import Door
from velocity_tui.state import (
    Down,
    Link,
    Refused,
    Snapshot,
    Starting,
    Up,
    cut_off,
    decode_rate,
    sampled,
)
from velocity_tui.threads import on_thread

LOOK_S = 0.25
RETRY_S = 0.5
_SLOW_S = 1.0
_STATUS_TIMEOUT_S = 2.0
_N_RECENT = 50
_NOT_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look brought; None for what was not due."""

    status: StatusAnswer
    system: SystemAnswer | None = None
    recent: tuple[RequestRow, ...] | None = None


class Watch:
    """Holds the connection's state. Runs on the event loop; `client` is for its neighbours."""

    def __init__(self, door: Door, *, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._wake = asyncio.Event()
        self._rates: list[float] = []
        self._slow_due_s = 0.0
        self._is_starting = False
        self.client: HttpClient | None = None
        self.snapshot = Snapshot()

    async def run(self, tell: Callable[[Snapshot], object]) -> None:
        """Look until cancelled, telling each state."""
        while True:
            self.snapshot = await self._next()
            tell(self.snapshot)
            await self._rest(LOOK_S if isinstance(self.snapshot.link, Up) else RETRY_S)

    def wake(self) -> None:
        """Look again at once."""
        self._wake.set()

    async def start_daemon(self) -> None:
        """Start it, and meanwhile say so.

        Raises:
            StartFailed: with the reason.
        """
        self._is_starting = True
        self.wake()
        try:
            await on_thread(self._door.start)
        finally:
            self._is_starting = False
            self.wake()

    async def _next(self) -> Snapshot:
        try:
            client = self.client or await on_thread(self._door.connect)
            if client is None:
                return self._lost("the daemon does not run")
            is_slow_due = self._clock.monotonic_s() >= self._slow_due_s
            look = await on_thread(lambda: _look(client, is_slow_due=is_slow_due))
        except ApiError as error:
            return self._lost(str(error), is_refused=error.status in _NOT_US)
        except Unreachable as error:
            return self._lost(error.reason)
        except (ClientError, ConfigError, OSError) as error:
            return self._lost(str(error), is_refused=True)
        self.client = client
        return self._seen(look, client.base_url)

    def _seen(self, look: _Look, address: str) -> Snapshot:
        rate = decode_rate(look.status)
        self._rates.append(rate)
        known = replace(self.snapshot, link=Up(address), status=look.status, tokens_per_s=rate)
        if look.system is None or look.recent is None:
            return known
        self._slow_due_s = self._clock.monotonic_s() + _SLOW_S - LOOK_S / 2
        mean, self._rates = sum(self._rates) / len(self._rates), []
        return sampled(replace(known, system=look.system, recent=look.recent), mean)

    def _lost(self, reason: str, *, is_refused: bool = False) -> Snapshot:
        self.client = None
        self._slow_due_s = 0.0
        return cut_off(self.snapshot, self._link(reason, is_refused=is_refused))

    def _link(self, reason: str, *, is_refused: bool) -> Link:
        if self._is_starting:
            return Starting()
        return Refused(reason) if is_refused else Down(reason, can_start=self._door.is_own)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()


def _look(client: HttpClient, *, is_slow_due: bool) -> _Look:
    status = api.status(client, timeout_s=_STATUS_TIMEOUT_S)
    if not is_slow_due:
        return _Look(status)
    recent = api.request_page(client, limit=_N_RECENT)
    return _Look(status, api.system(client), recent.items)
