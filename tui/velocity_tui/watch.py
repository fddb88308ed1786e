"""Looks at the daemon four times a second and tells what it sees; outlives the daemon."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TypeVar

from velocity_local.client import api, memory
from velocity_local.client.errors import ApiError, ClientError, Unreachable
from velocity_local.client.http import HttpClient
from velocity_local.config.errors import ConfigError
from velocity_local.core.clock import Clock
from velocity_local.core.history import RequestRow
from velocity_local.core.notices import Notice
from velocity_local.wire.http.admin import StatusAnswer
from velocity_local.wire.http.kv import KvList
from velocity_local.wire.http.telemetry import TelemetryAnswer
from velocity_tui.door import Door
from velocity_tui.feed import Feed
from velocity_tui.rate import TokenRate
from velocity_tui.state import Down, Link, Refused, Snapshot, Starting, Up, cut_off, sampled
from velocity_tui.threads import on_thread

LOOK_S = 0.25
RETRY_S = 0.5
_SLOW_S = 1.0
_STATUS_TIMEOUT_S = 2.0
_FEED_AGAIN_S = 30.0
_N_RECENT = 50
_N_NOTICES = 20
T = TypeVar("T")
_NOT_US = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


@dataclass(frozen=True, slots=True)
class _Slow:
    """What is asked once a second; None for what was not asked or is not known."""

    recent: tuple[RequestRow, ...]
    kept: KvList | None
    notices: tuple[Notice, ...]
    telemetry: TelemetryAnswer | None


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look brought; `slow` is None if it was not due."""

    status: StatusAnswer
    slow: _Slow | None


class Watch:
    """Holds the connection's state. Runs on the event loop; `client` is for its neighbours."""

    def __init__(self, door: Door, *, clock: Clock) -> None:
        self._door = door
        self._clock = clock
        self._wake = asyncio.Event()
        self._rate = TokenRate()
        self._slow_due_s = 0.0
        self._feed: Feed | None = None
        self._feed_due_s = 0.0
        self._is_starting = False
        self.client: HttpClient | None = None
        self.snapshot = Snapshot()

    async def run(self, tell: Callable[[Snapshot], object]) -> None:
        """Look until cancelled, telling each state."""
        try:
            while True:
                self.snapshot = await self._next()
                tell(self.snapshot)
                await self._rest(LOOK_S if isinstance(self.snapshot.link, Up) else RETRY_S)
        finally:
            self._stop_listening()

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
            look = await on_thread(lambda: self._look(client))
        except ApiError as error:
            return self._lost(str(error), is_refused=error.status in _NOT_US)
        except Unreachable as error:
            return self._lost(error.reason)
        except (ClientError, ConfigError, OSError) as error:
            return self._lost(str(error), is_refused=True)
        self.client = client
        return self._seen(look, client)

    def _look(self, client: HttpClient) -> _Look:
        """Blocks. The first look is quick: it tells that somebody is there."""
        status = api.status(client, timeout_s=_STATUS_TIMEOUT_S)
        if self.client is None or self._clock.monotonic_s() < self._slow_due_s:
            return _Look(status, None)
        has_feed = self._feed is not None and not self._feed.is_over
        return _Look(status, _asked(client, self.snapshot, has_feed=has_feed))

    def _seen(self, look: _Look, client: HttpClient) -> Snapshot:
        now_s, status = self._clock.monotonic_s(), look.status
        rate = self._rate.add(now_s, status.completion_tokens, pid=status.pid)
        known = replace(self.snapshot, link=Up(client.base_url), status=status, tokens_per_s=rate)
        if self._feed is not None and self._feed.latest is not None:
            known = replace(known, telemetry=self._feed.latest)
        slow = look.slow
        if slow is None:
            return known
        self._slow_due_s = now_s + _SLOW_S - LOOK_S / 2
        self._listen(client, now_s)
        return sampled(
            replace(
                known,
                recent=slow.recent,
                kept=slow.kept,
                notices=(*known.notices, *slow.notices)[-_N_NOTICES:],
                telemetry=slow.telemetry or known.telemetry,
            )
        )

    def _listen(self, client: HttpClient, now_s: float) -> None:
        """To what the daemon pushes; where that does not work it is tried again now and then."""
        if (self._feed is None or self._feed.is_over) and now_s >= self._feed_due_s:
            self._feed_due_s = now_s + _FEED_AGAIN_S
            self._feed = Feed(client, period_s=_SLOW_S)

    def _stop_listening(self) -> None:
        if self._feed is not None:
            self._feed.stop()
            self._feed = None

    def _lost(self, reason: str, *, is_refused: bool = False) -> Snapshot:
        self.client = None
        self._slow_due_s = self._feed_due_s = 0.0
        self._stop_listening()
        known = replace(self.snapshot, notices=())
        return cut_off(known, self._link(reason, is_refused=is_refused))

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


def _asked(client: HttpClient, known: Snapshot, *, has_feed: bool) -> _Slow:
    """What one question does not get stays as it was: a worker that dies takes its answer along."""
    after = known.notices[-1].number if known.notices else 0
    recent = _or_none(lambda: api.request_page(client, limit=_N_RECENT).items)
    return _Slow(
        recent=known.recent if recent is None else recent,
        kept=_or_none(lambda: api.kept(client)) or known.kept,
        notices=_or_none(lambda: memory.notices(client, after=after)) or (),
        telemetry=None if has_feed else _or_none(lambda: api.telemetry(client)),
    )


def _or_none(question: Callable[[], T]) -> T | None:
    """None if the daemon answers with an error that does not concern who asks."""
    try:
        return question()
    except ApiError as error:
        if error.status in _NOT_US:
            raise
        return None
