"""One worker process: started, spoken to, listened to, and ended. Knows nothing of requests."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, cast

from velocity_local.daemon.fleet.exits import Exit, read_exit
from velocity_local.daemon.fleet.worker_log import WorkerLog
from velocity_local.wire.ipc.codec import FrameError, FrameSplitter, decode_report, encode
from velocity_local.wire.ipc.messages import AnyReport, Command

WORKER_MODULE = "velocity_local.worker"
STDIN, STDOUT, STDERR = 0, 1, 2
# A grandchild may hold the pipes open after the worker is gone.
PIPES_AFTER_EXIT_S = 1.0
OOM_SCORE_ADJUST = "500"


class Stop(Enum):
    """Ways to end a process. Windows knows only the last, and uses it for all."""

    ABORT = "SIGABRT"
    TERMINATE = "SIGTERM"
    KILL = "SIGKILL"


class Listener(Protocol):
    """Told what a worker does; each call runs on the event loop's thread."""

    def on_spawned(self, worker_id: int, pid: int) -> None: ...

    def on_report(self, worker_id: int, report: AnyReport) -> None: ...

    def on_garbage(self, worker_id: int, reason: str) -> None:
        """What it sent is no report; nothing further of it will be."""
        ...

    def on_exit(self, worker_id: int, end: Exit) -> None:
        """It is gone, or never came to be. Called once, after its last report."""
        ...


class WorkerProcess(asyncio.SubprocessProtocol):
    """A process in its own session with pipes of its own."""

    def __init__(self, worker_id: int, *, listener: Listener, log: WorkerLog) -> None:
        self._worker_id = worker_id
        self._listener = listener
        self._log = log
        self._splitter = FrameSplitter()
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stop: Stop | None = None
        self._is_garbled = False
        self._is_gone = False

    async def spawn(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start it; that it could not be started is told as its exit."""
        self._log.clear_tail()
        loop = asyncio.get_running_loop()
        try:
            await loop.subprocess_exec(
                lambda: self,
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                cwd=Path(sys.executable).anchor,
                **isolation(),
            )
        except OSError as error:
            self._end(Exit(f"its process could not be started: {error.strerror or error}"))

    def send(self, command: Command) -> None:
        """Hand over a command; the pipe takes it when it can. Nothing happens once it is gone."""
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(encode(command))

    def stop(self, how: Stop) -> None:
        """Signal the process and all it has started."""
        self._stop = how
        if self._transport is None or self._transport.get_returncode() is not None:
            return
        if sys.platform == "win32":
            self._transport.kill()
        else:
            # Gone already, or (on macOS) a zombie: its exit is on the way.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._transport.get_pid(), signal.Signals[how.value])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have these methods without asyncio's base classes
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN))
        pid = self._transport.get_pid()
        _prefer_for_oom(pid)
        self._log.note(f"worker {pid} started")
        if self._stop is not None:
            self.stop(self._stop)
            return
        self._listener.on_spawned(self._worker_id, pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == STDERR:
            self._log.write(data)
        elif not self._is_garbled:
            self._read_frames(data)

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        if fd == STDOUT:  # most often the first sign of its end, whose cause is told soon
            asyncio.get_running_loop().call_later(PIPES_AFTER_EXIT_S, self._mute)

    def process_exited(self) -> None:
        asyncio.get_running_loop().call_later(PIPES_AFTER_EXIT_S, self._end_by_exit)

    def connection_lost(self, _error: Exception | None) -> None:
        self._end_by_exit()

    def _read_frames(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._listener.on_report(self._worker_id, decode_report(body))
        except FrameError as error:
            self._garbled(str(error))

    def _mute(self) -> None:
        if not self._is_gone and self._returncode() is None and not self._is_garbled:
            self._garbled("it closed its channel")

    def _garbled(self, reason: str) -> None:
        self._is_garbled = True
        self._listener.on_garbage(self._worker_id, reason)

    def _end_by_exit(self) -> None:
        self._end(read_exit(self._returncode(), self._log.last_words()))

    def _end(self, end: Exit) -> None:
        if self._is_gone:
            return
        self._is_gone = True
        self._log.note(end.description)
        if self._transport is not None:
            self._transport.close()
        self._listener.on_exit(self._worker_id, end)

    def _returncode(self) -> int | None:
        return None if self._transport is None else self._transport.get_returncode()


def worker_command() -> tuple[str, ...]:
    """The command line of a worker: our interpreter, without user site and current folder."""
    return (sys.executable, "-P", "-s", "-m", WORKER_MODULE)


def isolation() -> dict[str, Any]:
    """How a process is started so that signals and windows of ours are not its."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags, "close_fds": True}
    return {"start_new_session": True, "close_fds": True}


def _prefer_for_oom(pid: int) -> None:
    """Let the kernel take a worker rather than the daemon when memory runs out (Linux)."""
    # Without /proc, or when it is gone already, the default stays.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(OOM_SCORE_ADJUST, encoding="ascii")
