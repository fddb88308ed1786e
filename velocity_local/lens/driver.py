"""Drives one load: begins requests when the load says so, and gathers what became of them.

A closed load keeps a number of streams busy. An open load begins each request at its intended
start whether or not those before it have ended, and latency counts from that start: a server that
stalls cannot slow down its own measurement (coordinated omission; Tene, "How NOT to Measure
Latency").
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from time import perf_counter

import msgspec

from velocity_local.lens.arrivals import arrivals
from velocity_local.lens.asker import Asker, Slot
from velocity_local.lens.asks import Ask, Chat, Turn
from velocity_local.lens.distributed.shares import Part, Share
from velocity_local.lens.events import Answered, Began, Listener, Preparing, Progress
from velocity_local.lens.gathering import Gathering
from velocity_local.lens.jobs import Session, Source
from velocity_local.lens.loads import DEFAULT_REQUESTS, ClosedLoad, OpenLoad, streams_of
from velocity_local.lens.overhead import OverheadMeter
from velocity_local.lens.relay import Baton
from velocity_local.lens.results import Metric, RequestRecord
from velocity_local.lens.scenarios import Scenario

PROGRESS_EVERY_S = 0.25
_MADE_AHEAD = 64
_FIRST_WARM_UP = 10**9
INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Window:
    """The measured window: its length, and why it ended before its time, if it did."""

    duration_s: float
    partial_reason: str | None


class Driver:
    """One run of one scenario, or a `part` of it. `on_begin` is called as the measured window
    begins, `restore` empties the server's memory between priming and asking. With a `baton` a
    closed load comes in waves of as many requests as it has streams, and the clock stands still
    while it is the other side's turn.
    """

    def __init__(
        self,
        scenario: Scenario,
        asker: Asker,
        source: Source,
        gathering: Gathering,
        meter: OverheadMeter,
        *,
        listen: Listener,
        on_begin: Callable[[], None],
        recorded_s: Sequence[float] = (),
        restore: Callable[[], Awaitable[None]] | None = None,
        part: Part | None = None,
        baton: Baton | None = None,
    ) -> None:
        self._part = part
        self._baton = baton
        self._share = Share() if part is None else part.share
        self._scenario = scenario
        self._asker = asker
        self._source = source
        self._gathering = gathering
        self._meter = meter
        self._listen = listen
        self._on_begin = on_begin
        self._recorded_s = recorded_s
        self._restore = restore
        self._indexes = count()
        self._n_begun = self._n_running = 0
        self._zero_s = self._end_s = 0.0

    async def run(self, *, model: str) -> Window:
        """Drive the load to its end. Cancelling it ends it early: what was gathered stays."""
        try:
            await self._prepare()
            sessions = self._ahead(self._share.dealt(self._source.sessions()))
            if self._part is not None:
                await asyncio.to_thread(self._part.ready)
            if self._baton is not None:
                await self._baton.prepared()
            self._begin(model)
            await self._drive(sessions)
        except asyncio.CancelledError:
            return Window(self._elapsed_s(), INTERRUPTED)
        finally:
            gc.unfreeze()
        return Window(self._elapsed_s(), None)

    async def _prepare(self) -> None:
        """Bring the server's cache into the state the run is about (once, whoever takes part), then
        warm up.
        """
        primers = list(self._source.primers()) if self._share.index == 0 else []
        if primers:
            self._listen(Preparing(f"filling the cache: {len(primers)} prompts"))
        for session in primers:
            await self._ask_uncounted(session)
        if self._restore is not None:
            self._listen(Preparing("unloading and loading the model"))
            await self._restore()
        n = self._scenario.warmup_requests
        if n:
            self._listen(Preparing(f"warming up: {n} requests"))
            sessions = self._share.dealt(self._source.sessions(first=_FIRST_WARM_UP))
            await self._warm_up(islice(sessions, n))

    async def _warm_up(self, sessions: Iterator[Session]) -> None:
        load = self._scenario.load
        streams = streams_of(load) if isinstance(load, ClosedLoad) else 1

        async def stream() -> None:
            for session in sessions:
                await self._ask_uncounted(session)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(streams, self._scenario.warmup_requests)):
                group.create_task(stream())

    def _ahead(self, sessions: Iterator[Session]) -> Iterator[Session]:
        """Makes the first prompts before the clock runs."""
        wanted = self._scenario.load.requests or _MADE_AHEAD
        made = list(islice(sessions, min(wanted, _MADE_AHEAD)))
        return (session for each in (made, sessions) for session in each)

    def _begin(self, model: str) -> None:
        gc.collect()
        gc.freeze()
        load = self._scenario.load
        has_end = load.duration_s is not None
        n = load.requests if load.requests or has_end else DEFAULT_REQUESTS
        self._listen(Began(self._scenario.name, model, n, load.duration_s))
        self._on_begin()
        self._meter.begin()
        self._zero_s = perf_counter()

    async def _drive(self, sessions: Iterator[Session]) -> None:
        load = self._scenario.load
        async with asyncio.TaskGroup() as group:
            ticker = group.create_task(self._tick())
            if isinstance(load, OpenLoad):
                await self._open(load, sessions)
            elif self._baton is not None:
                await self._waves(load, sessions, self._baton)
            else:
                await self._closed(load, sessions)
            ticker.cancel()

    async def _closed(self, load: ClosedLoad, sessions: Iterator[Session]) -> None:
        async def stream() -> None:
            while self._may_begin(load):
                await self._session(next(sessions), None)

        async with asyncio.TaskGroup() as group:
            for _ in range(streams_of(load)):
                group.create_task(stream())

    async def _waves(self, load: ClosedLoad, sessions: Iterator[Session], baton: Baton) -> None:
        try:
            while self._may_begin(load):
                await self._wave(load, sessions, baton)
        finally:
            await baton.leave()

    async def _wave(self, load: ClosedLoad, sessions: Iterator[Session], baton: Baton) -> None:
        async def one() -> None:
            if self._may_begin(load):
                await self._session(next(sessions), None)

        stopped_s = perf_counter()
        async with baton.held(), asyncio.TaskGroup() as wave:
            self._zero_s += perf_counter() - stopped_s
            for _ in range(streams_of(load)):
                wave.create_task(one())

    def _may_begin(self, load: ClosedLoad) -> bool:
        is_in_time = load.duration_s is None or perf_counter() - self._zero_s < load.duration_s
        most = load.requests if load.requests or load.duration_s else DEFAULT_REQUESTS
        return is_in_time and (most is None or self._n_begun < most)

    async def _open(self, load: OpenLoad, sessions: Iterator[Session]) -> None:
        room = asyncio.Semaphore(load.max_in_flight)

        async def begin(session: Session, intended_s: float) -> None:
            async with room:
                await self._session(session, intended_s)

        starts = arrivals(load, seed=self._scenario.seed, recorded_s=self._recorded_s)
        async with asyncio.TaskGroup() as group:
            for start_s in self._share.dealt(starts):
                intended_s = self._zero_s + start_s
                await asyncio.sleep(max(0.0, intended_s - perf_counter()))
                group.create_task(begin(next(sessions), intended_s))

    async def _session(self, session: Session, intended_s: float | None) -> None:
        """All turns of a conversation; each but the first begins when the one before has ended."""
        ask = session.ask
        replies = iter(session.replies)
        while True:
            self._n_begun += 1
            waited_s = await self._asker.get_ready(ask)
            begin_s = perf_counter() if intended_s is None else intended_s + waited_s
            slot = self._slot(session, begin_s)
            record, text = await self._ask(ask, slot)
            reply = next(replies, None)
            if reply is None or record.error_kind is not None:
                return
            ask = _continued(ask, text, reply)
            intended_s = None

    def _slot(self, session: Session, intended_s: float) -> Slot:
        return Slot(next(self._indexes), intended_s, self._zero_s, session.prompt_id, session.check)

    async def _ask(self, ask: Ask, slot: Slot) -> tuple[RequestRecord, str]:
        self._n_running += 1
        try:
            record, text = await self._asker.ask(ask, slot, on_break=self._take)
        finally:
            self._n_running -= 1
        self._take(record)
        return record, text

    async def _ask_uncounted(self, session: Session) -> None:
        await self._asker.get_ready(session.ask)
        slot = Slot(-1, perf_counter(), 0.0)
        await self._asker.ask(session.ask, slot, on_break=_forget)

    def _take(self, record: RequestRecord) -> None:
        self._end_s = perf_counter()
        self._gathering.add(record)
        self._listen(Answered(record))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            self._listen(self._progress())

    def _progress(self) -> Progress:
        gathering = self._gathering
        return Progress(
            elapsed_s=perf_counter() - self._zero_s,
            n_done=gathering.n_requests,
            n_failed=gathering.n_errors,
            n_running=self._n_running,
            n_output_tokens=gathering.n_output_tokens,
            ttft_p50_ms=gathering.recent(Metric.SERVICE_TTFT_MS, 50),
            ttft_p99_ms=gathering.recent(Metric.SERVICE_TTFT_MS, 99),
            itl_p50_ms=gathering.recent(Metric.ITL_MS, 50),
            itl_p99_ms=gathering.recent(Metric.ITL_MS, 99),
        )

    def _elapsed_s(self) -> float:
        """From the window's beginning to its last answer."""
        return max(0.0, self._end_s - self._zero_s) if self._zero_s else 0.0


def _forget(record: RequestRecord) -> None:
    """Filling the cache and warming up leave no record."""


def _continued(ask: Ask, answer: str, reply: str) -> Ask:
    assert isinstance(ask.input, Chat), "only conversations have replies"
    turns = (*ask.input.turns, Turn("assistant", answer), Turn("user", reply))
    return msgspec.structs.replace(ask, input=Chat(turns, ask.input.tools))
