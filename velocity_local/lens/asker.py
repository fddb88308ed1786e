"""Asks one thing, again if it may help, and makes the record of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from velocity_local.lens.asks import Ask
from velocity_local.lens.door import CannotConnect, Door
from velocity_local.lens.faults import Fault
from velocity_local.lens.head import request_bytes
from velocity_local.lens.jobs import Check
from velocity_local.lens.measure import Observation, Recorder
from velocity_local.lens.providers.port import Provider
from velocity_local.lens.quota import TokenBucket
from velocity_local.lens.records import Asked, record_of
from velocity_local.lens.results import CacheState, RequestRecord
from velocity_local.lens.scenarios import Patience, Quota, Retries
from velocity_local.lens.turnstile import Turnstile

Pause = Callable[[float], Awaitable[object]]
_HIDDEN = "[key]"
_ASSUMED_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Slot:
    """A request's place in the run. `zero_s` is the run's beginning, by `perf_counter`."""

    index: int
    intended_s: float
    zero_s: float
    prompt_id: str = ""
    check: Check | None = None


@dataclass(slots=True)
class _Progress:
    """How far a request has come; what is needed if it is broken off."""

    started_s: float
    connect_ms: float | None = None
    is_reused: bool = False
    idle_s: float = 0.0
    retries: int = 0
    retry_wait_s: float = 0.0
    seen: Observation = field(default_factory=Observation)


class Asker:
    """One target, as one run asks it. `pause` waits so many seconds."""

    def __init__(
        self,
        provider: Provider,
        door: Door,
        *,
        model: str,
        key: str | None,
        cache_state: CacheState,
        patience: Patience,
        retries: Retries,
        quota: Quota,
        random: Random,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._turnstile = Turnstile()
        self._provider = provider
        self._door = door
        self._model = model
        self._key = key
        self._cache_state = cache_state
        self._patience = patience
        self._retries = retries
        self._random = random
        self._pause = pause
        now_s = perf_counter()
        requests, tokens = quota.requests_per_min, quota.tokens_per_min
        self._requests = TokenBucket(requests, now_s=now_s) if requests else None
        self._tokens = TokenBucket(tokens, now_s=now_s) if tokens else None

    async def get_ready(self, ask: Ask) -> float:
        """Return when the provider's limits let a request through and it is its turn here; gives
        the seconds that the limits took.
        """
        now_s = perf_counter()
        wait_s = self._requests.claim(1, now_s) if self._requests is not None else 0.0
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.claim(ask.max_tokens or _ASSUMED_TOKENS, now_s))
        if wait_s > 0:
            await self._pause(wait_s)
        await self._turnstile.turn()
        return wait_s

    async def ask(
        self, ask: Ask, slot: Slot, *, on_break: Callable[[RequestRecord], None]
    ) -> tuple[RequestRecord, str]:
        """The record of a request and the answer's text.

        `on_break` gets the record of a request that is cancelled while it runs.
        """
        progress = _Progress(perf_counter())
        try:
            await self._until_answered(ask, progress)
        except asyncio.CancelledError:
            progress.seen.fault = Fault("interrupted", "the run was interrupted")
            progress.seen.end_s = perf_counter()
            on_break(self._record(ask, slot, progress))
            raise
        record = self._record(ask, slot, progress)
        self._settle_quota(ask, record)
        return record, progress.seen.text()

    def _settle_quota(self, ask: Ask, record: RequestRecord) -> None:
        """What was claimed is a guess; what was used is known now."""
        if self._tokens is not None and record.tokens is not None:
            used = (record.tokens.prompt or 0) + (record.tokens.output or 0)
            self._tokens.correct((ask.max_tokens or _ASSUMED_TOKENS) - used)

    async def _until_answered(self, ask: Ask, progress: _Progress) -> None:
        while True:
            progress.seen = await self._attempt(ask, progress)
            fault = progress.seen.fault
            if _was_stale(progress):
                self._door.was_closed_on(progress.idle_s)
                progress.retries += 1
                continue
            if fault is None or not self._may_help(fault, progress):
                await self._turnstile.turn()
                return
            wait_s = self._wait_s(fault, progress.retries)
            progress.retries += 1
            progress.retry_wait_s += wait_s
            await self._pause(wait_s)

    async def _attempt(self, ask: Ask, progress: _Progress) -> Observation:
        request = self._provider.request(ask, model=self._model, key=self._key)
        data = request_bytes(self._door, request)
        try:
            opened = await self._door.open(is_fresh=progress.is_reused)
        except CannotConnect as error:
            now_s = perf_counter()
            return Observation(sent_s=now_s, end_s=now_s, fault=error.fault)
        progress.connect_ms = opened.connect_ms
        progress.is_reused = opened.connect_ms is None
        progress.seen = Observation(sent_s=perf_counter())
        recorder = Recorder(self._provider, ask)
        try:
            outcome = await opened.connection.exchange(data, recorder, self._patience)
        except asyncio.CancelledError:
            progress.seen = recorder.seen
            raise
        progress.idle_s = opened.connection.idle_s
        self._door.give_back(opened.connection)
        return recorder.close(outcome)

    def _may_help(self, fault: Fault, progress: _Progress) -> bool:
        """Whether to ask again: not once text came, nor sooner than the server wants it."""
        is_over = progress.retries >= self._retries.most or progress.seen.first_s is not None
        is_soon = (fault.retry_after_s or 0) <= self._retries.longest_wait_s
        return fault.is_transient and is_soon and not is_over

    def _wait_s(self, fault: Fault, n_before: int) -> float:
        """What the server asks for; else exponential back-off with full jitter (Brooker, 2015)."""
        if fault.retry_after_s is not None:
            return fault.retry_after_s
        most_s = min(self._retries.first_wait_s * 2**n_before, self._retries.longest_wait_s)
        return self._random.uniform(0, most_s)

    def _record(self, ask: Ask, slot: Slot, progress: _Progress) -> RequestRecord:
        seen = progress.seen
        if seen.fault is not None and self._key and self._key in seen.fault.message:
            hidden = seen.fault.message.replace(self._key, _HIDDEN)
            seen.fault = Fault(seen.fault.kind, hidden, seen.fault.status, seen.fault.code)
        asked = Asked(
            index=slot.index,
            intended_s=slot.intended_s - slot.zero_s,
            started_s=progress.started_s - slot.zero_s,
            sent_s=(seen.sent_s or progress.started_s) - slot.zero_s,
            cache_state=self._cache_state,
            prompt_id=slot.prompt_id,
            connect_ms=progress.connect_ms,
            retries=progress.retries,
            retry_wait_s=progress.retry_wait_s,
            max_tokens=ask.max_tokens,
            check=slot.check,
        )
        return record_of(asked, seen)


def _was_stale(progress: _Progress) -> bool:
    """Whether a connection kept from before was closed by the server before it saw the request:
    it is asked again at once on a new one (RFC 9112 9.3.1), and that counts as a retry.
    """
    fault = progress.seen.fault
    return (
        progress.is_reused
        and fault is not None
        and fault.kind == "reset"
        and progress.seen.n_bytes == 0
    )
