"""One daemon per user: the lock that decides it, and the note that tells others where it is.

The lock is the kernel's, held by the daemon for as long as it lives, so a crash leaves nothing
stale. The note (`daemon.json`) only informs: nobody trusts its pid without the lock being held.
"""

import sys
import threading
from pathlib import Path
from typing import IO

import msgspec

_PROBE_PAUSE_S = 0.02
_PROBE_PATIENCE = 20


class DaemonRecord(msgspec.Struct, frozen=True):
    """Where a daemon listens. `base_url` has no trailing slash and no `/v1`."""

    pid: int
    host: str
    port: int
    base_url: str
    version: str
    started_s: float


class InstanceLock:
    """An exclusive lock on a file, released when the process ends however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        """Take the lock; False if another process holds it."""
        file = self._path.open("ab+")
        if not _lock(file):
            file.close()
            return False
        self._file = file
        return True

    def acquire_patiently(self) -> bool:
        """As `acquire`, but outlasts a process that only looks whether the lock is held."""
        pause = threading.Event()
        return any(self.acquire() or pause.wait(_PROBE_PAUSE_S) for _ in range(_PROBE_PATIENCE))

    def sign(self, pid: int) -> None:
        """Write who holds the lock into its file, for a process that wants to end the holder."""
        assert self._file is not None, "only the holder signs"
        self._file.truncate(0)
        self._file.write(str(pid).encode())
        self._file.flush()

    def holder_pid(self) -> int | None:
        """The process that holds the lock now, if one does and has signed."""
        if not self.is_held_elsewhere():
            return None
        signed = self._path.read_bytes()
        return int(signed) if signed.isdigit() else None

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def is_held_elsewhere(self) -> bool:
        """Whether some process holds the lock now."""
        if not self._path.exists():
            return False
        if not self.acquire():
            return True
        self.release()
        return False


def write_record(path: Path, record: DaemonRecord) -> None:
    """Write the note so that a reader sees the old one or the new one, never half of one."""
    draft = path.with_suffix(f".{record.pid}")
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(path)


def read_record(path: Path) -> DaemonRecord | None:
    """The note, or None if there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DaemonRecord)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


if sys.platform == "win32":
    import msvcrt

    # Nobody else can read a locked byte here, so it lies far behind what `sign` writes.
    _LOCKED_BYTE = 2**20

    def _lock(file: IO[bytes]) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
