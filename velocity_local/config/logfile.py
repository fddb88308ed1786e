"""A log on disk that stays within its bounds and never stops the program that writes it."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

_TAIL_BYTES = 1024 * 1024
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class RotatingFile:
    """Appends lines to `path`, and keeps at most `count` files of about `max_bytes`.

    Used by one thread. A file that was deleted or renamed by others is made anew. A line that
    cannot be written is counted in `lost`, and the next one that can says how many were.
    """

    def __init__(self, path: Path, *, max_bytes: int, count: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._count = count
        self._handle: int | None = None
        self._size = 0
        self._untold = 0
        self._torn = False
        self.lost = 0

    def write(self, line: bytes) -> None:
        """Append `line`, which ends in a newline; failures are counted, never raised."""
        try:
            handle = self._ready(len(line))
            if self._untold:
                self._append(handle, b"(%d lines could not be written here)\n" % self._untold)
                self._untold = 0
            self._append(handle, line)
        except OSError:
            self.lost += 1
            self._untold += 1
            self.close()

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _ready(self, n_bytes: int) -> int:
        if self._handle is not None and not self._is_ours(self._handle):
            self.close()
        if self._handle is None:
            self._handle = self._open()
        if self._size and self._size + n_bytes > self._max_bytes:
            self._rotate()
            self._handle = self._open()
        return self._handle

    def _is_ours(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW
        handle = os.open(self._path, flags, 0o600)
        self._size = os.fstat(handle).st_size
        return handle

    def _rotate(self) -> None:
        self.close()
        if self._count == 1:
            self._path.unlink()
            return
        for older in range(self._count - 1, 1, -1):
            newer = numbered(self._path, older - 1)
            if newer.exists():
                newer.replace(numbered(self._path, older))
        self._path.replace(numbered(self._path, 1))

    def _append(self, handle: int, line: bytes) -> None:
        data = b"\n" + line if self._torn else line
        written = os.write(handle, data)
        self._size += written
        self._torn = written < len(data)
        if self._torn:
            raise OSError(f"wrote {written} of {len(data)} bytes")


def printable(line: str) -> str:
    """The line with escapes for what would break it, command a terminal or reorder it."""
    if line.isprintable():
        return line
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in line
    )


def numbered(path: Path, number: int) -> Path:
    """The older file `number` of a log: `daemon.log.1` is the last one before `daemon.log`."""
    return path.with_name(f"{path.name}.{number}")


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, its older files included, within 1 MiB of each; safe to print."""
    found: list[str] = []
    for file in _newest_first(path):
        found = _last_lines(file) + found
        if len(found) >= lines:
            break
    return [printable(line.rstrip("\r")) for line in found[-lines:]] if lines else []


def worker_log(folder: Path, model: str) -> Path:
    """The log file of a model's workers, whatever characters its id has."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", model)[:80]
    if safe != model:
        safe += "-" + hashlib.sha256(model.encode()).hexdigest()[:8]
    return folder / f"model-{safe}.log"


def _newest_first(path: Path) -> Iterator[Path]:
    number = 0
    file = path
    while file.exists():
        yield file
        number += 1
        file = numbered(path, number)


def _last_lines(file: Path) -> list[str]:
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = max(0, size - _TAIL_BYTES)
        stream.seek(start)
        text = stream.read(_TAIL_BYTES).decode(errors="replace")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines[1:] if start else lines
