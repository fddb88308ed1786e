"""The downloads of this daemon: one transfer for any number of askers, two at a time.

Owned by the event loop; each running download has a thread of its own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from velocity_local.config.settings import DownloadSettings
from velocity_local.core.clock import Clock
from velocity_local.core.downloads import Download, Variant
from velocity_local.core.errors import Conflict, DiskFull, InvalidRequest, NotFound, QueueFull
from velocity_local.core.ids import IdSource
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.address import Check
from velocity_local.daemon.catalog.downloads.connection import Terms
from velocity_local.daemon.catalog.downloads.delivery import Delivery
from velocity_local.daemon.catalog.downloads.job import Job, Outcome, carried_out, kept_of
from velocity_local.daemon.catalog.downloads.journal import Journal
from velocity_local.daemon.catalog.downloads.orders import Orders
from velocity_local.daemon.catalog.downloads.pace import Pace
from velocity_local.daemon.catalog.hub import Hub, Repository
from velocity_local.daemon.catalog.search import Search

MAX_RUNNING = 2
MAX_UNFINISHED = 64
KEPT_JOBS = 200
STOP_TIMEOUT_S = 2.0
ROOM_LOOK_S = 20.0
_log = logging.getLogger(__name__)


class Downloads:
    """Starts, lists and cancels downloads. `close` ends them; what has come is continued later."""

    def __init__(
        self,
        models: Path,
        *,
        hub: Hub,
        clock: Clock,
        refresh: Callable[[], Awaitable[object]],
        settings: DownloadSettings,
        curated: Curated,
        journal: Journal,
        check_address: Check | None = None,
    ) -> None:
        self._clock = clock
        self._refresh = refresh
        self._ids = IdSource(clock)
        self._journal = journal
        self.search = Search(hub, curated)
        terms = Terms(settings.connections, Pace(settings.bytes_per_s, clock=clock), clock)
        self._orders = Orders(
            models, hub=hub, curated=curated, terms=terms, check_address=check_address
        )
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room_watch: asyncio.Task[None] | None = None
        self._is_closed = False

    def go_on(self) -> None:
        """Begin again with what had not ended when the daemon did, but for what was paused."""
        for kept in self._journal.read():
            try:
                delivery = self._orders.restored(kept)
            except InvalidRequest as error:
                _log.warning("download %s does not go on: %s", kept.id, error.message)
                continue
            job = self._jobs[kept.id] = Job(kept.id, delivery, kept.created_s)
            delivery.show_progress()
            if kept.is_paused:
                job.pause()
        self._begin_next()

    async def offered(self, name: str) -> tuple[Repository, tuple[Variant, ...]]:
        """As `Orders.offered`."""
        return await self._orders.offered(name)

    async def start(self, text: str, sha256: str | None = None) -> Download:
        """Begin to fetch what `text` refers to, go on with it, or join those who wait for it.

        Raises:
            InvalidRequest, InvalidModel, ModelNotFound, HubError: as `Orders.placed`.
            DiskFull: if it does not fit.
            QueueFull: if too many wait.
            Conflict: if it is being cancelled.
        """
        delivery = await self._orders.placed(text, sha256)
        job = self._same(delivery) or self._add(delivery)
        if job.state == "paused":
            self._resume(job)
        return job.seen()

    def all(self) -> list[Download]:
        """Every download since the start of the daemon, newest first."""
        return [job.seen() for job in reversed(self._jobs.values())]

    def get(self, identifier: str) -> Download:
        """Raises NotFound if there is none of that id."""
        return self._find(identifier).seen()

    def files_under_way(self) -> list[Path]:
        """The files that are not here yet and will be."""
        return [path for job in self._unfinished() for path in job.delivery.key]

    async def cancel(self, identifier: str) -> Download:
        """End it and remove what is not whole; one that has ended stays as it is.

        Raises:
            NotFound: if there is none of that id.
        """
        job = self._find(identifier)
        if job.ended_s is None:
            job.cancel()
            self._end_if_resting(job)
            await self._rest(job)
        return job.seen()

    async def pause(self, identifier: str) -> Download:
        """Stop it and keep what has come; it makes room for one that waits.

        Raises:
            NotFound: if there is none of that id.
            Conflict: if it has ended, or is being cancelled.
        """
        job = self._find(identifier)
        if job.ended_s is not None or job.state == "cancelling":
            raise Conflict(f"download {identifier} is {job.state}; there is nothing to pause")
        if job.state != "paused":
            job.pause()
            self._note()
            if job.is_running:
                await self._rest(job)
        return job.seen()

    async def resume(self, identifier: str) -> Download:
        """Go on with one that is paused; one under way stays so.

        Raises:
            NotFound: if there is none of that id.
            Conflict: if it has ended, or is about to pause.
        """
        job = self._find(identifier)
        if job.ended_s is not None or (job.stop.is_set() and job.state != "paused"):
            raise Conflict(f"download {identifier} is {job.state}; pull its model again")
        if job.state == "paused":
            self._resume(job)
        return job.seen()

    async def close(self) -> None:
        """Stop everything; a thread that hangs in the network is left behind."""
        self._is_closed = True
        if self._room_watch is not None:
            self._room_watch.cancel()
        for job in self._unfinished():
            job.stop.set()
            self._end_if_resting(job)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()

    def _same(self, delivery: Delivery) -> Job | None:
        for job in self._unfinished():
            if job.delivery.key == delivery.key:
                if job.state == "cancelling":
                    raise Conflict(f"{delivery.model} is being cancelled; try again in a moment")
                return job
        return None

    def _add(self, delivery: Delivery) -> Job:
        unfinished = self._unfinished()
        if len(unfinished) >= MAX_UNFINISHED or self._is_closed:
            raise QueueFull(f"{len(unfinished)} downloads wait already; try again later")
        delivery.check_room(reserved_bytes=sum(job.delivery.missing_bytes() for job in unfinished))
        job = Job(self._ids.new("dl_"), delivery, self._clock.wall_s())
        self._jobs[job.id] = job
        self._forget_old()
        self._note()
        self._begin_next()
        return job

    def _begin_next(self) -> None:
        unfinished = self._unfinished()
        running = [job for job in unfinished if job.is_running]
        for job in unfinished:
            if len(running) >= MAX_RUNNING:
                return
            # Models of one repository share a projector: no two may write it at once.
            busy = {path for other in running for path in other.delivery.key}
            if not job.is_waiting or busy.intersection(job.delivery.key):
                continue
            running.append(job)
            job.begin()
            task = asyncio.create_task(self._run(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job) -> None:
        _log.info("download %s of %s begins", job.id, job.delivery.model)
        outcome = await carried_out(job)
        if outcome.state == "done":
            await self._refresh()
        if outcome.state == "paused" and not self._is_closed:
            _log.info("download %s is paused %s", job.id, outcome.error or "")
            job.rest(outcome)
            self._note()
            self._begin_next()
            self._watch_room()
        else:
            self._end(job, outcome)

    def _end(self, job: Job, outcome: Outcome) -> None:
        job.end(outcome, now_s=self._clock.wall_s())
        _log.info("download %s is %s %s", job.id, outcome.state, outcome.error or "")
        if not self._is_closed:
            self._note()
            self._begin_next()

    def _end_if_resting(self, job: Job) -> None:
        if not job.is_running:
            if job.is_discarded:
                job.delivery.discard()
            self._end(job, Outcome("cancelled"))

    def _resume(self, job: Job) -> None:
        job.resume()
        self._note()
        self._begin_next()

    def _watch_room(self) -> None:
        """Go on by itself with what the disk had no room for."""
        if self._lacking() and (self._room_watch is None or self._room_watch.done()):
            self._room_watch = asyncio.create_task(self._await_room())

    async def _await_room(self) -> None:
        while self._lacking():
            await asyncio.sleep(ROOM_LOOK_S)
            for job in self._lacking():
                with suppress(DiskFull):
                    job.delivery.check_room(reserved_bytes=0)
                    self._resume(job)

    def _lacking(self) -> list[Job]:
        return [job for job in self._unfinished() if job.lacks_room]

    def _note(self) -> None:
        """Keep for the next daemon what has not ended."""
        self._journal.write([kept_of(job) for job in self._unfinished()])

    async def _rest(self, job: Job) -> None:
        """Return once its thread has ended, or the network holds it for too long."""
        job.rested.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(job.rested.wait(), STOP_TIMEOUT_S if job.is_running else 0)

    def _unfinished(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.ended_s is None]

    def _find(self, identifier: str) -> Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise NotFound(f"there is no download {identifier[:80]!r} since the daemon's start")
        return job

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.ended_s is not None]
        for identifier in ended[: max(len(self._jobs) - KEPT_JOBS, 0)]:
            del self._jobs[identifier]
