"""Fetches one file: continues what is there, tries again when the connection breaks, verifies.

Blocking, for a thread; `Stopped` ends it within a piece or the hub's stall timeout.
"""

import hashlib
from typing import Protocol

from velocity_local.core.errors import Conflict, HubError
from velocity_local.daemon.catalog.downloads.part import PartFile
from velocity_local.daemon.catalog.downloads.progress import Progress
from velocity_local.daemon.catalog.hub import Hub, HubFile, Incoming, Interrupted, Repository

MAX_FRUITLESS_ATTEMPTS = 6
MAX_DELAY_S = 30.0
_ENOUGH_BYTES = 1024 * 1024
_PIECE_BYTES = 1024 * 1024


class Stop(Protocol):
    """Says when to end; `threading.Event` is one."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it was set before the time was over."""
        ...


class Stopped(Exception):
    """It was asked to end; what has come stays on disk."""


class Transfer:
    """One file on its way into `part`."""

    def __init__(
        self,
        hub: Hub,
        repository: Repository,
        file: HubFile,
        part: PartFile,
        *,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self._hub = hub
        self._repository = repository
        self._file = file
        self._part = part
        self._progress = progress
        self._stop = stop

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
            self._hash_what_is_here()
            self._fetch_rest()
            self._part.verify()

    def _check_whole(self) -> None:
        """A file of that name is there already: it must be this one."""
        target, digest = self._part.target, hashlib.sha256()
        with self._progress.verifying(), target.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                self._check_stop()
                digest.update(piece)
                self._progress.set_file(file.tell())
        if digest.hexdigest() != self._file.sha256:
            raise Conflict(f"another file is at {target}; move it away and pull again")

    def _hash_what_is_here(self) -> None:
        with self._progress.verifying():
            for done_bytes in self._part.rehash():
                self._check_stop()
                self._progress.set_file(done_bytes)

    def _fetch_rest(self) -> None:
        fruitless, best = 0, self._part.length_bytes
        while self._part.length_bytes < self._part.size_bytes:
            try:
                self._attempt()
            except Interrupted as interruption:
                if self._part.length_bytes >= best + _ENOUGH_BYTES:
                    fruitless, best = 0, self._part.length_bytes
                fruitless += 1
                self._wait(interruption, fruitless)

    def _attempt(self) -> None:
        """Take bytes until all are here.

        Raises:
            Interrupted: if they end before.
        """
        part = self._part
        offset = part.length_bytes
        with self._hub.open(self._repository, self._file, offset_bytes=offset) as incoming:
            self._agree(incoming)
            for piece in incoming.pieces:
                self._check_stop()
                if part.length_bytes + len(piece) > part.size_bytes:
                    part.restart("")
                    raise HubError(f"the hub sends more than the file's {part.size_bytes} bytes")
                part.append(piece)
                self._progress.add(len(piece))
        if part.length_bytes < part.size_bytes:
            raise Interrupted("the hub ended the file too early")

    def _agree(self, incoming: Incoming) -> None:
        """Make sure that the bytes to come belong behind those that are here."""
        part = self._part
        if incoming.total_bytes not in {None, part.size_bytes}:
            raise HubError(
                f"the hub promised {part.size_bytes} bytes of {self._file.path} and now says"
                f" {incoming.total_bytes}"
            )
        has_changed = bool(part.etag and incoming.etag) and part.etag != incoming.etag
        if incoming.offset_bytes == part.length_bytes > 0 and not has_changed:
            return
        is_whole = incoming.offset_bytes == 0
        part.restart(incoming.etag if is_whole else "")
        self._progress.set_file(0)
        if not is_whole:
            raise Interrupted("the hub's file has changed, or another part of it came")

    def _wait(self, interruption: Interrupted, fruitless: int) -> None:
        """Before the next attempt: 1 s, then twice as long each time, or as the hub says."""
        if fruitless >= MAX_FRUITLESS_ATTEMPTS:
            raise HubError(
                f"{interruption.reason}; {fruitless} attempts brought nothing. Pull again later, it"
                " goes on from here"
            ) from interruption
        self._progress.count_retry()
        delay_s = interruption.retry_after_s
        if delay_s is None:
            delay_s = min(2.0 ** (fruitless - 1), MAX_DELAY_S)
        if self._stop.wait(delay_s):
            raise Stopped

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped
