"""The worker's end of the pipes: reads on a thread of their own, and writes that never block.

The daemon's end is asynchronous and lives with the fleet; both speak `codec`.
"""

import os
import select
import sys
import threading
from collections.abc import Callable

from velocity_local.wire.ipc.codec import FrameError, FrameSplitter, decode_command, encode
from velocity_local.wire.ipc.messages import AnyCommand, AnyReport

_READ_BYTES = 256 * 1024
BACKLOG_BYTES = 8 * 1024 * 1024


class Closed:
    """The other side has closed the pipe."""


Incoming = AnyCommand | FrameError | Closed


def claim_stdio() -> tuple[int, int]:
    """Take standard input and output for frames: (descriptor to read, descriptor to write).

    Call it before any native library is loaded. Afterwards descriptor 1 is standard error and
    descriptor 0 is empty, so that nothing a library prints or reads can touch the frames.
    """
    read_fd, write_fd = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - this system only

        msvcrt.setmode(read_fd, os.O_BINARY)
        msvcrt.setmode(write_fd, os.O_BINARY)
    return read_fd, write_fd


class CommandReader:
    """Hands every command to `deliver`, on its own thread, until the pipe ends or is broken."""

    def __init__(self, fd: int, deliver: Callable[[Incoming], None]) -> None:
        self._fd = fd
        self._deliver = deliver
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        splitter = FrameSplitter()
        try:
            while data := self._read():
                for body in splitter.feed(data):
                    self._deliver(decode_command(body))
        except FrameError as error:
            self._deliver(error)
        else:
            self._deliver(Closed())

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError:  # how Windows tells that the other side is gone
            return b""


class ReportWriter:
    """Writes reports in order; `send` never waits for the pipe.

    A small frame is written at once if the pipe has room for it, which saves the way through
    another thread; that thread writes all others, those that wait together. Whoever produces
    reports asks `is_congested` and, if so, pauses in `wait_until_drained` instead of letting the
    backlog grow without bound. A pipe that is gone makes the writer drop everything; the reader
    learns of it as `Closed`.
    """

    def __init__(self, fd: int, *, backlog_bytes: int = BACKLOG_BYTES) -> None:
        self._fd = fd
        self._limit_bytes = backlog_bytes
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._is_writing = False
        self._is_closing = False
        self._is_broken = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, report: AnyReport) -> None:
        """Queue a report.

        Raises:
            FrameError: if it is too long for a frame.
        """
        frame = encode(report)
        with self._changed:
            if self._is_writable(frame):
                self._write_now(frame)
                return
            self._frames.append(frame)
            self._waiting_bytes += len(frame)
            self._changed.notify_all()

    @property
    def is_congested(self) -> bool:
        return self._waiting_bytes > self._limit_bytes and not self._is_broken

    def wait_until_drained(self) -> None:
        """Block until everything queued is written, or the pipe is gone."""
        with self._changed:
            self._changed.wait_for(self._is_drained)

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def _is_writable(self, frame: bytes) -> bool:
        """True if nothing waits before the frame and the pipe is known to take it whole."""
        if sys.platform == "win32":
            return False
        if self._frames or self._is_writing or len(frame) > select.PIPE_BUF:
            return False
        return bool(select.select((), (self._fd,), (), 0)[1])

    def _write_now(self, frame: bytes) -> None:
        try:
            os.write(self._fd, frame)
        except OSError:
            self._is_broken = True

    def _is_drained(self) -> bool:
        return self._is_broken or not (self._frames or self._is_writing)

    def _run(self) -> None:
        while frames := self._take():
            try:
                _write_all(self._fd, b"".join(frames))
            except OSError:
                self._break()

    def _take(self) -> list[bytes]:
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._frames or self._is_closing)
            frames, self._frames = self._frames, []
            self._waiting_bytes = 0
            self._is_writing = bool(frames)
            return frames

    def _break(self) -> None:
        with self._changed:
            self._is_broken = True


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
