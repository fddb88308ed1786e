"""Fetches one file: over several connections, hashed while it comes, verified before it is kept.

Blocking, for a thread; `Stopped` ends it within a piece or the hub's stall timeout.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from velocity_local.core.errors import Conflict, HubError, InternalError
from velocity_local.daemon.catalog.downloads.connection import Connection, Restart, Terms
from velocity_local.daemon.catalog.downloads.digests import Hasher
from velocity_local.daemon.catalog.downloads.part import PartFile
from velocity_local.daemon.catalog.downloads.progress import Progress
from velocity_local.daemon.catalog.downloads.source import Source
from velocity_local.daemon.catalog.downloads.stopping import Halt, Stop, Stopped
from velocity_local.daemon.catalog.hub import HubFile, Repository

MAX_RESTARTS = 3
_PIECE_BYTES = 256 * 1024
_LOOK_S = 0.2


class Transfer:
    """One file on its way into `part`."""

    def __init__(
        self,
        source: Source,
        repository: Repository,
        file: HubFile,
        part: PartFile,
        *,
        progress: Progress,
        stop: Stop,
        terms: Terms,
    ) -> None:
        self._source = source
        self._repository = repository
        self._file = file
        self._part = part
        self._progress = progress
        self._stop = stop
        self._terms = terms
        # The same memory for every piece: fresh pages cost more than the copy into them.
        self._piece = bytearray(_PIECE_BYTES)

    def run(self) -> None:
        """Return once all bytes are here and right, in the part or under the file's own name.

        Raises:
            Stopped: if it was asked to.
            HubError: if the hub cannot or must not be listened to any longer.
            Conflict: if another file has the name.
            DiskFull, OSError: if the bytes cannot be kept.
        """
        if self._part.target.exists():
            self._check_whole()
            return
        with self._part.open():
            self._part.verify(self._fetch())

    def _check_whole(self) -> None:
        """A file of that name is there already: it must be this one."""
        target = self._part.target
        hasher = Hasher(self._file.digest, target.stat().st_size)
        with self._progress.verifying(), target.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                self._check_stop()
                hasher.update(piece)
                self._progress.set_file(file.tell())
        if hasher.digest() != self._file.digest:
            raise Conflict(f"another file is at {target}; move it away and pull again")

    def _fetch(self) -> str:
        """Take bytes until all are here; their digest."""
        for _ in range(MAX_RESTARTS + 1):
            try:
                return self._fetch_on()
            except Restart as restart:
                self._progress.count_retry()
                self._part.restart(restart.etag, as_one=restart.as_one)
        raise HubError(
            f"{self._file.path} had to be begun again {MAX_RESTARTS} times, the hub sends now this"
            " and now that; pull again later"
        )

    def _fetch_on(self) -> str:
        """Go on from what is here.

        Raises:
            Restart: if that cannot be continued.
        """
        self._progress.set_file(self._part.ranges.done_bytes)
        hasher = Hasher(self._file.digest, self._part.size_bytes)
        with self._connections() as lines:
            done = 0
            while done < self._part.size_bytes:
                self._check_stop()
                frontier = self._part.ranges.wait_beyond(done, _LOOK_S)
                lines.check(is_waiting=frontier == done)
                done = self._hash(hasher, done, frontier)
        lines.check(is_waiting=False)
        return hasher.digest()

    def _hash(self, hasher: Hasher, done: int, frontier: int) -> int:
        view = memoryview(self._piece)
        with self._progress.verifying(is_true=frontier == self._part.size_bytes):
            while done < frontier:
                self._check_stop()
                n_bytes = self._part.read_into(done, view[: min(len(view), frontier - done)])
                hasher.update(view[:n_bytes])
                done += n_bytes
        return done

    @contextmanager
    def _connections(self) -> Iterator["_Lines"]:
        """Connections at work; all have ended when the block has."""
        count = min(self._terms.connections, len(self._part.ranges))
        halt = Halt(self._stop, is_alone=count == 1)
        lines = _Lines(
            [
                Connection(
                    self._source,
                    self._repository,
                    self._file,
                    self._part,
                    progress=self._progress,
                    halt=halt,
                    terms=self._terms,
                )
                for _ in range(count)
            ]
        )
        lines.start()
        try:
            yield lines
        except BaseException:
            halt.set()
            raise
        finally:
            lines.join()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped


class _Lines:
    """The threads of a transfer's connections."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections
        self._threads = [
            threading.Thread(target=connection.run, daemon=True) for connection in connections
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def check(self, *, is_waiting: bool) -> None:
        """Raise what ended a connection; with bytes to wait for, also if none is left to come."""
        is_alive = any(thread.is_alive() for thread in self._threads)
        for connection in self._connections:
            if connection.failure is not None:
                raise connection.failure
        if is_waiting and not is_alive:
            raise InternalError("the connections of a download ended before its bytes were here")
