"""Writes a whole file so that a reader, a crash or a power cut sees the old one or the new one."""

import os
import secrets
from pathlib import Path

from velocity_local.core.killpoints import maybe_kill


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`, durably. A link is followed, so what it points to is replaced.

    Raises:
        OSError: if it cannot be written; `path` is then as it was.
    """
    target = path.resolve()
    temporary = write_temporary(target.parent, data, mode=mode)
    try:
        maybe_kill("file.before_rename")
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def write_temporary(folder: Path, data: bytes, *, mode: int = 0o600) -> Path:
    """A new file in `folder` with `data` on disk; it never follows a link nor replaces a file."""
    path = folder / f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable; on Windows the file system does so by itself."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
