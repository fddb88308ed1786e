"""Tells how far a long step is: one moving line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

_NINJA = re.compile(r"^\s*\[(\d+)/(\d+)\]")
_PIP_RAW = re.compile(r"^\s*Progress (\d+) of (\d+)")
_WIDTH = 28
_PLAIN_EVERY = 10  # per cent


def parse_step(line: str) -> tuple[int, int] | None:
    """(done, of all) from a line of ninja's or of pip's raw progress; None for other lines."""
    found = _NINJA.match(line) or _PIP_RAW.match(line)
    return (int(found[1]), int(found[2])) if found and int(found[2]) > 0 else None


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Progress:
    """Shows one step's progress.

    `guess_s` is how long it usually takes. With `total`, every line that begins with `marker`
    counts as one of so many; else the lines themselves say how far they are.
    """

    def __init__(
        self,
        label: str,
        *,
        guess_s: float = 0.0,
        marker: str = "",
        total: int = 0,
        stream: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._guess_s = guess_s
        self._marker = marker
        self._total = total
        self._marked = 0
        self._stream = stream or sys.stderr
        self._now = now
        self._started = now()
        self._share = 0.0
        self._count = ""
        self._plain_shown = 0
        self._terminal = self._stream.isatty()

    def feed(self, line: str) -> None:
        """Take one line of the program's output."""
        step = self._count_marked(line) if self._total else parse_step(line)
        if step is None:
            return
        done, total = step
        self._share = done / total
        self._count = f"{done}/{total}" if total < 100_000 else ""
        self.tick()

    def tick(self) -> None:
        """Show the time that has passed; called at least once a second."""
        if self._terminal:
            self._write_bar()
        elif int(self._share * 100) >= self._plain_shown + _PLAIN_EVERY:
            self._plain_shown = int(self._share * 100) // _PLAIN_EVERY * _PLAIN_EVERY
            self._stream.write(f"      {self._plain_shown} %  {clock(self._elapsed())}\n")
            self._stream.flush()

    def close(self) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def _count_marked(self, line: str) -> tuple[int, int] | None:
        if not line.startswith(self._marker):
            return None
        self._marked = min(self._marked + 1, self._total)
        return self._marked, self._total

    def _write_bar(self) -> None:
        filled = int(self._share * _WIDTH)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        parts = [f"      {self._label} [{bar}] {self._share:4.0%}", self._count, self._times()]
        self._stream.write("\r\x1b[2K" + "  ".join(part for part in parts if part))
        self._stream.flush()

    def _times(self) -> str:
        elapsed = self._elapsed()
        left = self._guess_s - elapsed
        if self._share > 0.05:
            left = elapsed / self._share - elapsed
        return clock(elapsed) + (f", about {clock(left)} left" if left > 0 else "")

    def _elapsed(self) -> float:
        return self._now() - self._started
