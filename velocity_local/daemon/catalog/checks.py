"""Compares models on disk with what was promised of their bytes, one after the other.

Owned by the event loop; the reading happens in a thread.
"""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from velocity_local.core.clock import Clock
from velocity_local.core.errors import NotFound, QueueFull
from velocity_local.core.ids import IdSource
from velocity_local.core.library import Check, FileCheck
from velocity_local.daemon.catalog import provenance
from velocity_local.daemon.catalog.downloads.digests import Hasher, is_digest
from velocity_local.daemon.catalog.files import UnreadableFile, open_plain

MAX_RUNNING = 4
KEPT = 50
_PIECE_BYTES = 1024 * 1024


class _Job:
    def __init__(self, identifier: str, model: str, files: Sequence[Path]) -> None:
        self.id = identifier
        self.model = model
        self.files = files
        self.stop = threading.Event()
        self.total_bytes = sum(path.stat().st_size for path in files)
        self.done_bytes = 0
        self.results: list[FileCheck] = []
        self.error: str | None = None
        self.has_ended = False

    def seen(self) -> Check:
        return Check(
            self.id,
            self.model,
            self._state(),
            self.done_bytes,
            self.total_bytes,
            tuple(self.results),
            self.error,
        )

    def _state(self) -> Literal["running", "done", "failed", "cancelled"]:
        if not self.has_ended:
            return "running"
        if self.stop.is_set():
            return "cancelled"
        return "done" if self.error is None else "failed"

    def run(self) -> None:
        """Blocking."""
        try:
            for path in self.files:
                if self.stop.is_set():
                    return
                self.results.append(FileCheck(str(path), self._outcome(path)))
        except (OSError, UnreadableFile) as error:
            self.error = f"it cannot be read: {error}"

    def _outcome(self, path: Path) -> Literal["right", "wrong", "unknown"]:
        promised = provenance.read(path)
        if promised is None or not is_digest(promised.digest):
            self.done_bytes += path.stat().st_size
            return "unknown"
        file, state = open_plain(path)
        hasher = Hasher(promised.digest, state.st_size)
        with file:
            while (piece := file.read(_PIECE_BYTES)) and not self.stop.is_set():
                hasher.update(piece)
                self.done_bytes += len(piece)
        return "right" if hasher.digest() == promised.digest else "wrong"


class Checks:
    """Starts, tells and ends them."""

    def __init__(self, clock: Clock) -> None:
        self._ids = IdSource(clock)
        self._jobs: dict[str, _Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, model: str, files: Sequence[Path]) -> Check:
        """Begin to read the files of a model.

        Raises:
            QueueFull: if some are read already.
        """
        running = [job for job in self._jobs.values() if not job.has_ended]
        if len(running) >= MAX_RUNNING:
            raise QueueFull(f"{len(running)} models are being verified; try again later")
        job = _Job(self._ids.new("ck_"), model, files)
        self._jobs[job.id] = job
        for old in [key for key, kept in self._jobs.items() if kept.has_ended][:-KEPT]:
            del self._jobs[old]
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.seen()

    def get(self, identifier: str) -> Check:
        """Raises NotFound if there is none of that id."""
        return self._find(identifier).seen()

    def cancel(self, identifier: str) -> Check:
        """Raises NotFound if there is none of that id; one that has ended stays as it is."""
        job = self._find(identifier)
        if not job.has_ended:
            job.stop.set()
        return job.seen()

    async def close(self) -> None:
        for job in self._jobs.values():
            job.stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, job: _Job) -> None:
        await asyncio.to_thread(job.run)
        job.has_ended = True

    def _find(self, identifier: str) -> _Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise NotFound(f"nothing is verified under the id {identifier[:80]!r}")
        return job
