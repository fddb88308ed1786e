"""One download: a delivery with its state, carried out in a thread of its own."""

import asyncio
import threading
from contextlib import suppress
from typing import NamedTuple

from velocity_local.core.downloads import Download, DownloadState
from velocity_local.core.errors import VelocityError
from velocity_local.daemon.catalog.downloads.delivery import Delivery
from velocity_local.daemon.catalog.downloads.transfer import Stopped


class Outcome(NamedTuple):
    """How it ended, and why if it failed."""

    state: DownloadState
    error: str | None = None


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
        self.is_discarded = False
        self.ended = asyncio.Event()
        self._state: DownloadState = "waiting"

    @property
    def state(self) -> DownloadState:
        if self.ended_s is not None:
            return self._state
        if self.stop.is_set():
            return "cancelling"
        if self._state == "running" and self.delivery.progress.is_verifying:
            return "verifying"
        return self._state

    @property
    def has_begun(self) -> bool:
        return self._state != "waiting"

    def begin(self) -> None:
        self._state = "running"

    def end(self, outcome: Outcome, *, now_s: float) -> None:
        self._state, self.error = outcome
        self.ended_s = now_s
        self.ended.set()

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
            bytes_per_s=0.0 if self.ended_s is not None else progress.bytes_per_s,
            retries=progress.retries,
            created_s=self.created_s,
            ended_s=self.ended_s,
            error=self.error,
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
        return Outcome("cancelled")
    except VelocityError as error:
        return Outcome("failed", error.message)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Outcome("failed", f"{job.delivery.model} cannot be kept: {reason}")
    return Outcome("done")
