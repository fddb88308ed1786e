"""A file that is not whole yet: `NAME.part`, and beside it `NAME.part.json`, what it is a part of.

The length of the part is how far it has come; a process that dies loses nothing. Its name does not
end as a model's does, so the catalogue never shows it.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from velocity_local.config.atomic import sync_folder, write_atomic
from velocity_local.core.errors import DiskFull, HubError

_PIECE_BYTES = 1024 * 1024
_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_ROOM = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})


class Origin(msgspec.Struct, frozen=True):
    """What a part is a part of. Parts of the same hash and size may be continued."""

    repository: str
    revision: str
    path: str
    size_bytes: int
    sha256: str
    etag: str = ""
    version: int = 1

    def is_same_content(self, other: "Origin") -> bool:
        return (self.sha256, self.size_bytes) == (other.sha256, other.size_bytes)


class PartFile:
    """The part of `target`. `open` before anything that writes; one writer at a time."""

    def __init__(self, target: Path, origin: Origin) -> None:
        self.target = target
        self._origin = origin
        self._path = target.with_name(target.name + ".part")
        self._journal = target.with_name(target.name + ".part.json")
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self._is_verified = False
        self.length_bytes = 0

    @property
    def size_bytes(self) -> int:
        """What the whole file will have."""
        return self._origin.size_bytes

    @property
    def etag(self) -> str:
        """The hub's name for the content that the part began with; empty if it gave none."""
        return self._origin.etag

    def bytes_on_disk(self) -> int:
        """How much of the file is here, in the part or as a whole, as far as sizes tell."""
        for path in (self.target, self._path):
            try:
                return min(path.stat().st_size, self.size_bytes)
            except OSError:  # not there: the usual case
                continue
        return 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Continue a part of the same content, or begin an empty one."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        kept = self._read_journal()
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            self.length_bytes = os.fstat(self._descriptor).st_size
            if kept is None or not kept.is_same_content(self._origin):
                self.restart(self._origin.etag)
            else:
                self._origin = kept
            yield
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def rehash(self) -> Iterator[int]:
        """Read what is there from its start, which the digest needs; yields bytes read so far."""
        if self.length_bytes > self.size_bytes:
            self.restart(self.etag)
        self._digest = hashlib.sha256()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        done = 0
        while piece := os.read(self._descriptor, _PIECE_BYTES):
            self._digest.update(piece)
            done += len(piece)
            yield done
        self.length_bytes = done

    def restart(self, etag: str) -> None:
        """Drop what is there; what comes next begins the content named by `etag`."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.length_bytes = 0
        self._digest = hashlib.sha256()
        self._origin = msgspec.structs.replace(self._origin, etag=etag)
        write_atomic(self._journal, msgspec.json.encode(self._origin))

    def append(self, piece: bytes) -> None:
        """Write at the end.

        Raises:
            DiskFull: if there is no room; what was written before stays.
        """
        view = memoryview(piece)
        try:
            while view:
                written = os.write(self._descriptor, view)
                self._digest.update(view[:written])
                self.length_bytes += written
                view = view[written:]
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise DiskFull(
                    f"the disk is full; make room for {self.size_bytes - self.length_bytes} bytes"
                    " and pull again, it goes on from here"
                ) from error
            raise

    def verify(self) -> None:
        """Compare size and hash with what the hub promised, and make the bytes durable.

        Raises:
            HubError: if they differ; the bytes are removed.
        """
        is_right = (self.length_bytes, self._digest.hexdigest()) == (
            self.size_bytes,
            self._origin.sha256,
        )
        if not is_right:
            self.restart("")
            raise HubError(
                f"the bytes of {self._origin.path} do not have the SHA-256 that the hub promises;"
                " they were removed. Pull again"
            )
        os.fsync(self._descriptor)
        self._is_verified = True

    def publish(self) -> None:
        """Give verified bytes their own name; without such, the name is taken by right ones."""
        if self._is_verified:
            self._path.replace(self.target)
            sync_folder(self.target.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the part; a whole file stays."""
        self._path.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    def _read_journal(self) -> Origin | None:
        try:
            return msgspec.json.decode(self._journal.read_bytes(), type=Origin)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
