"""Reads a file as it grows, also past the moment it is rotated or deleted."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_INTERVAL_S = 0.2


class Follower:
    """Lines written to `path` from now on."""

    def __init__(self, path: Path, *, pause: Callable[[float], object] | None = None) -> None:
        self._path = path
        self._pause = pause or threading.Event().wait
        self._file: IO[bytes] | None = path.open("rb")
        self._file.seek(0, os.SEEK_END)
        self._part = b""

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def lines(self) -> Iterator[str]:
        """Every new line, for ever."""
        while True:
            fresh = self.new_lines()
            yield from fresh
            if not fresh:
                self._pause(_INTERVAL_S)

    def new_lines(self) -> list[str]:
        """The lines completed since the last call."""
        lines = self._read()
        if self._is_replaced():
            lines += self._read()
            self._reopen()
            lines += self._read()
        return lines

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        *complete, self._part = (self._part + self._file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in complete]

    def _is_replaced(self) -> bool:
        if self._file is None:
            return True
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _reopen(self) -> None:
        if self._file is not None:
            self._file.close()
        self._part = b""
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None
