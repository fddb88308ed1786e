"""One download: a delivery with its state, carried out in a thread of its own."""

import asyncio
import threading
from contextlib import suppress
from typing import NamedTuple

from velocity_local.core.downloads import Download, DownloadState
from velocity_local.core.errors import DiskFull, VelocityError
from velocity_local.daemon.catalog.downloads.address import Address
from velocity_local.daemon.catalog.downloads.delivery import Delivery
from velocity_local.daemon.catalog.downloads.journal import Kept, KeptFile
from velocity_local.daemon.catalog.downloads.stopping import Stopped


class Outcome(NamedTuple):
    """How it ended, and why if it failed."""

    state: DownloadState
    error: str | None = None
    lacks_room: bool = False


class _Wish(NamedTuple):
    """What it is told to become, and what it is meanwhile."""

    meanwhile: DownloadState
    then: DownloadState


_PAUSE = _Wish("pausing", "paused")
_CANCEL = _Wish("cancelling", "cancelled")
_CRASHED = Outcome("failed", "internal error; the daemon's standard error has it")


class Job:
    """A delivery with its state. Only `Downloads` changes it."""

    def __init__(self, identifier: str, delivery: Delivery, created_s: float) -> None:
        self.id = identifier
        self.delivery = delivery
        self.created_s = created_s
        self.ended_s: float | None = None
        self.error: str | None = None
        self.stop = threading.Event()
        self._wish = _CANCEL
        self.is_discarded = False
        self.lacks_room = False
        self.rested = asyncio.Event()
        self._state: DownloadState = "waiting"

    @property
    def state(self) -> DownloadState:
        if self.ended_s is not None:
            return self._state
        if self.stop.is_set() and self._state != "paused":
            return self._wish.meanwhile
        if self._state == "running" and self.delivery.progress.is_verifying:
            return "verifying"
        return self._state

    @property
    def is_waiting(self) -> bool:
        return self._state == "waiting" and not self.stop.is_set()

    @property
    def is_running(self) -> bool:
        """Whether a thread is at work for it."""
        return self._state == "running"

    def begin(self) -> None:
        self._state = "running"

    def pause(self) -> None:
        """Ends the thread; without one it is paused at once."""
        self._wish = _PAUSE
        self.stop.set()
        if not self.is_running:
            self._state = "paused"

    def resume(self) -> None:
        """Wait for a thread again. Only for one that is paused."""
        assert self._state == "paused"
        self.stop = threading.Event()
        self.error = None
        self.lacks_room = False
        self._state = "waiting"

    def cancel(self) -> None:
        self._wish = _CANCEL
        self.is_discarded = True
        self.stop.set()

    def rest(self, outcome: "Outcome") -> None:
        """The thread has ended, the download has not."""
        self._state, self.error, self.lacks_room = outcome
        self.stop.set()
        self.rested.set()

    @property
    def wish(self) -> DownloadState:
        """What it becomes when its thread has stopped."""
        return self._wish.then

    def end(self, outcome: Outcome, *, now_s: float) -> None:
        self._state, self.error, self.lacks_room = outcome
        self.ended_s = now_s
        self.rested.set()

    def seen(self) -> Download:
        """What is known of it now."""
        delivery, progress = self.delivery, self.delivery.progress
        return Download(
            id=self.id,
            model=delivery.model,
            repository=delivery.repository.id,
            revision=delivery.repository.revision,
            quantization=delivery.variant.quantization,
            files=delivery.variant.files,
            state=self.state,
            done_bytes=progress.done_bytes,
            total_bytes=progress.total_bytes,
            bytes_per_s=progress.bytes_per_s if self.is_running else 0.0,
            retries=progress.retries,
            created_s=self.created_s,
            ended_s=self.ended_s,
            error=self.error,
        )


def kept_of(job: Job) -> Kept:
    """What the next daemon has to know of it."""
    delivery, source = job.delivery, job.delivery.source
    wanted = {*delivery.variant.files, *delivery.variant.companions}
    return Kept(
        id=job.id,
        created_s=job.created_s,
        repository=delivery.repository.id,
        revision=delivery.repository.revision,
        files=tuple(KeptFile(*file) for file in delivery.repository.files if file.path in wanted),
        variant=delivery.variant,
        is_paused=job.state in {"paused", "pausing"} and not job.lacks_room,
        url=source.url if isinstance(source, Address) else None,
    )


async def carried_out(job: Job) -> Outcome:
    """How the job's delivery ended; it runs in a thread that does not keep the process alive."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Outcome] = loop.create_future()

    def work() -> None:
        outcome = _CRASHED
        try:
            outcome = _carry_out(job)
        finally:
            # The loop may have ended while the network held this thread; nobody waits then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, ended, outcome)

    threading.Thread(target=work, name=job.id, daemon=True).start()
    return await ended


def _settle(ended: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)


def _carry_out(job: Job) -> Outcome:
    try:
        job.delivery.run(job.stop)
    except Stopped:
        if job.is_discarded:
            job.delivery.discard()
        return Outcome(job.wish)
    except DiskFull as error:
        return Outcome("paused", error.message, lacks_room=True)
    except VelocityError as error:
        return Outcome("failed", error.message)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Outcome("failed", f"{job.delivery.model} cannot be kept: {reason}")
    return Outcome("done")
