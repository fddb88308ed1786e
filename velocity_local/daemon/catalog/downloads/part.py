"""A file that is not whole yet: `NAME.part`, and beside it `NAME.part.json`, what it is a part of.

Behind the file's own bytes the part has, for each of its ranges, how many bytes of it are here: a
process that dies loses no more than the pieces it was writing. Its name does not end as a model's
does, so the catalogue never shows it.
"""

import errno
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import msgspec

from velocity_local.config.atomic import sync_folder, write_atomic
from velocity_local.core.errors import DiskFull, HubError
from velocity_local.daemon.catalog import provenance
from velocity_local.daemon.catalog.downloads.ranges import Ranges, count, step_for
from velocity_local.daemon.catalog.provenance import Provenance

_FLAGS = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_ROOM = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
_COUNTER_BYTES = 8


class Origin(msgspec.Struct, frozen=True):
    """What a part is a part of. Parts of the same hash and size may be continued.

    `digest` is as in `HubFile`; the part's ranges are `step_bytes` long.
    """

    repository: str
    revision: str
    path: str
    size_bytes: int
    digest: str
    step_bytes: int
    etag: str = ""
    version: int = 2

    def is_same_content(self, other: "Origin") -> bool:
        return (self.digest, self.size_bytes) == (other.digest, other.size_bytes)

    @property
    def tail_bytes(self) -> int:
        """What the counters behind the file's bytes take."""
        return _COUNTER_BYTES * count(self.size_bytes, self.step_bytes)


class PartFile:
    """The part of `target`. `open` before anything that writes; one process at a time."""

    def __init__(self, target: Path, origin: Origin) -> None:
        self.target = target
        self._origin = origin
        self._path = target.with_name(target.name + ".part")
        self._journal = target.with_name(target.name + ".part.json")
        self._descriptor = -1
        self._is_verified = False
        self.ranges = Ranges(origin.size_bytes, origin.step_bytes)

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
        try:
            return min(self.target.stat().st_size, self.size_bytes)
        except OSError:  # not there: the usual case
            kept = self._read_journal()
        if kept is None or not kept.is_same_content(self._origin):
            return 0
        try:
            with self._path.open("rb") as file:
                return sum(self._read_counters(file.fileno(), kept))
        except OSError:
            return 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Continue a part of the same content, or begin an empty one."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        kept = self._read_journal()
        self._descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            done = self._read_counters(self._descriptor, kept) if kept is not None else []
            if kept is None or not done or not kept.is_same_content(self._origin):
                self.restart(self._origin.etag)
            else:
                self._origin = kept
                self.ranges = Ranges(kept.size_bytes, kept.step_bytes, done)
                self._set_length(kept.size_bytes + kept.tail_bytes)
            yield
        finally:
            os.close(self._descriptor)
            self._descriptor = -1

    def restart(self, etag: str, *, as_one: bool = False) -> None:
        """Drop what is there; what comes next begins the content named by `etag`.

        `as_one` for a hub that does not send ranges. No writer may be at work.
        """
        self._set_length(0)
        step_bytes = self.size_bytes if as_one else step_for(self.size_bytes)
        self._origin = msgspec.structs.replace(self._origin, etag=etag, step_bytes=step_bytes)
        self.ranges = Ranges(self.size_bytes, step_bytes)
        self._set_length(self.size_bytes + self._origin.tail_bytes)
        write_atomic(self._journal, msgspec.json.encode(self._origin))

    def name_content(self, etag: str) -> None:
        """Remember the hub's name for the content; the first answer tells it."""
        if etag and not self._origin.etag:
            self._origin = msgspec.structs.replace(self._origin, etag=etag)
            write_atomic(self._journal, msgspec.json.encode(self._origin))

    @contextmanager
    def writer(self, number: int) -> Iterator["RangeWriter"]:
        """What fills a range; several may be at work, each on its own."""
        descriptor = os.open(self._path, _FLAGS, 0o600)
        try:
            counter_at = self.size_bytes + _COUNTER_BYTES * number
            yield RangeWriter(descriptor, self.ranges, number, counter_at=counter_at)
        finally:
            os.close(descriptor)

    def read_into(self, offset: int, view: memoryview) -> int:
        """Bytes that are here, into memory that is there; how many. One reader at a time."""
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        with FileIO(self._descriptor, closefd=False) as file:
            return file.readinto(view) or 0

    def verify(self, digest: str) -> None:
        """Compare the hash with what the hub promised, and make the bytes durable.

        Raises:
            HubError: if they differ; the bytes are removed.
        """
        if digest != self._origin.digest:
            self.restart("")
            raise HubError(
                f"the bytes of {self._origin.path} do not have the SHA-256 that the hub promises;"
                " they were removed. Pull again"
            )
        self._set_length(self.size_bytes)
        os.fsync(self._descriptor)
        self._is_verified = True

    def publish(self) -> None:
        """Give verified bytes their own name; without such, the name is taken by right ones."""
        if self._is_verified:
            self._path.replace(self.target)
            sync_folder(self.target.parent)
        origin = self._origin
        noted = Provenance(
            origin.repository, origin.revision, origin.path, origin.size_bytes, origin.digest
        )
        provenance.write(self.target, noted)
        self.discard()

    def discard(self) -> None:
        """Remove the part; a whole file stays."""
        self._path.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    def _set_length(self, n_bytes: int) -> None:
        with _told_if_full(self.size_bytes):
            os.ftruncate(self._descriptor, n_bytes)

    def _read_journal(self) -> Origin | None:
        try:
            origin = msgspec.json.decode(self._journal.read_bytes(), type=Origin)
        except (OSError, msgspec.DecodeError):
            return None
        return origin if origin.size_bytes > 0 and origin.step_bytes > 0 else None

    def _read_counters(self, descriptor: int, origin: Origin) -> list[int]:
        """The bytes of each range that are here; empty if the part is not `origin`'s.

        Without counters it is whole: they are cut off once the bytes are verified.
        """
        ranges = Ranges(origin.size_bytes, origin.step_bytes)
        lengths = [ranges.end(number) - ranges.start(number) for number in range(len(ranges))]
        length_bytes = os.fstat(descriptor).st_size
        if length_bytes == origin.size_bytes:
            return lengths
        if length_bytes != origin.size_bytes + origin.tail_bytes:
            return []
        os.lseek(descriptor, origin.size_bytes, os.SEEK_SET)
        told = struct.unpack(f"<{len(ranges)}Q", os.read(descriptor, origin.tail_bytes))
        return [min(done, length) for done, length in zip(told, lengths, strict=True)]


class RangeWriter:
    """Fills one range of a part from where it is."""

    def __init__(self, descriptor: int, ranges: Ranges, number: int, *, counter_at: int) -> None:
        self._descriptor = descriptor
        self._ranges = ranges
        self._number = number
        self._counter_at = counter_at

    def append(self, piece: bytes) -> None:
        """Write what comes next, then that it is here.

        Raises:
            DiskFull: if there is no room; what was written before stays.
        """
        ranges, number = self._ranges, self._number
        with _told_if_full(ranges.size_bytes - ranges.done_bytes):
            self._write(ranges.at(number), piece)
            done = ranges.done_in(number) + len(piece)
            self._write(self._counter_at, struct.pack("<Q", done))
        ranges.advance(number, len(piece))

    def _write(self, offset: int, data: bytes) -> None:
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


@contextmanager
def _told_if_full(missing_bytes: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DiskFull(
            f"the disk is full; make room for {missing_bytes} bytes and pull again, it goes on"
            " from here"
        ) from error
