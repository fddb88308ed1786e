"""Runs a program with its output in a log file, telling a listener each line."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from machine import SetupError

_TAIL_LINES = 15
_WIDTH = 240
_FAULT_LINES = 6
_FAULT = re.compile(r"CMake Error|\berror:|fatal error|FAILED:|Killed|No space left", re.IGNORECASE)


class Listener(Protocol):
    def feed(self, line: str) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


def run_logged(
    command: list[str],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
    listener: Listener | None = None,
    hint: str = "",
) -> None:
    """Run `command`, appending its output to `log`.

    Raises:
        SetupError: if it fails, with the first lines that tell of a fault, and the last ones.
    """
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    faults: list[str] = []
    with (
        log.open("a", encoding="utf-8", errors="replace") as sink,
        _start(command, environ) as child,
    ):
        sink.write(f"$ {' '.join(command)}\n")
        for line in _lines(child, listener):
            sink.write(line)
            tail.append(line.rstrip()[:_WIDTH])
            if len(faults) < _FAULT_LINES and _FAULT.search(line):
                faults.append(line.rstrip()[:_WIDTH])
    if child.returncode != 0:
        new_faults = [line for line in faults if line not in tail]
        shown = "\n".join(f"    {line}" for line in (*new_faults, *tail) if line)
        raise SetupError(f"{shown}\nThis failed; the whole log is {log}\n{hint}".rstrip())


@contextmanager
def _start(
    command: list[str], environ: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[str]]:
    """The process, waited for at the end and told to stop if the end is an error."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=dict(environ if environ is not None else os.environ),
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        try:
            yield child
        except BaseException:
            child.terminate()
            raise


def _lines(child: subprocess.Popen[str], listener: Listener | None) -> Iterator[str]:
    """The child's lines as they come; the listener also hears of seconds without any."""
    assert child.stdout is not None
    waiting: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(child.stdout, waiting), daemon=True).start()
    try:
        while (line := _next_line(waiting, listener)) is not None:
            if listener is not None:
                listener.feed(line)
            yield line
    finally:
        if listener is not None:
            listener.close()


def _next_line(waiting: queue.Queue[str | None], listener: Listener | None) -> str | None:
    while True:
        try:
            return waiting.get(timeout=1.0)
        except queue.Empty:
            if listener is not None:
                listener.tick()


def _pump(source: TextIO, waiting: queue.Queue[str | None]) -> None:
    for line in source:
        waiting.put(line)
    waiting.put(None)
