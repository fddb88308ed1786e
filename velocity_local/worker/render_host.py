"""Runs the renderer process and holds it to its limits: late, greedy or dead ones are replaced.

A host is used by one thread at a time; only `close` may come from another.
"""

import logging
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import msgspec
import psutil

from velocity_local.core.clock import Clock, SystemClock
from velocity_local.core.errors import TemplateError
from velocity_local.worker.chat.render_jobs import (
    LENGTH,
    MAX_MEMORY_BYTES,
    MAX_SOURCE_BYTES,
    PATIENCE,
    TIME_LIMIT_S,
    Compile,
    Compiled,
    Fault,
    Job,
    Outcome,
    RenderJob,
    Text,
)

_log = logging.getLogger(__name__)
# Isolated mode knows neither the working folder nor PYTHONPATH: the package's place is told.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from velocity_local.worker.chat.renderer import main; main()"
)
_ROOT = Path(__file__).resolve().parents[2]
_START_LIMIT_S = 30.0
_CHECK_S = 0.02


class RenderHost:
    """Renders one model's template in a process that may be killed.

    `start` returns at once, so that the process comes up while the model loads. A job may take
    `time_limit_s` of processor time, and `PATIENCE` times as long in all.
    """

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S, clock: Clock | None = None) -> None:
        self._time_limit_s = time_limit_s
        self._clock = clock or SystemClock()
        self._process: _RendererProcess | None = None
        self._compile: Compile | None = None
        self._compiled: Compiled | None = None
        self._is_closed = False
        self._fault: str | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._process = _RendererProcess(self._clock)
        self._compiled = None

    def use(
        self, source: str, special_tokens: dict[str, str], tool_source: str | None = None
    ) -> None:
        """Take `source` as the template of all jobs from now on, of those with tools the other."""
        self._compile = Compile(source, special_tokens, tool_source)
        self._compiled = None
        self._fault = None
        size = max(len(text.encode()) for text in (source, tool_source or ""))
        if size > MAX_SOURCE_BYTES:
            self._fault = f"it has {size} bytes; at most {MAX_SOURCE_BYTES} are allowed"

    def prepare(self) -> Compiled:
        """Have the template compiled now, and say what it reads. A faulty one is tried once.

        Raises:
            TemplateError: if it does not compile within the limits.
        """
        assert self._compile is not None, "no template was given"
        if self._fault is None and self._compiled is None:
            match self._ask(self._compile):
                case Compiled() as compiled:
                    self._compiled = compiled
                case Fault() as fault:
                    self._fault = fault.message
                case Text():
                    self._fault = "the process that renders it talks nonsense"
        if self._compiled is None:
            raise _error(self._fault or "")
        return self._compiled

    def render(self, job: RenderJob) -> str:
        """The rendered prompt.

        Raises:
            TemplateError: if the template is faulty, refuses the messages, or exceeds a limit.
        """
        self.prepare()
        outcome = self._ask(job)
        if isinstance(outcome, Text):
            return outcome.text
        what = outcome.message if isinstance(outcome, Fault) else "its process talks nonsense"
        raise _error(what)

    def close(self) -> None:
        """End the process; a job that runs fails."""
        self._is_closed = True
        if self._process is not None:
            self._process.kill()

    def _ask(self, job: Job) -> Outcome:
        if self._process is None:
            self.start()
        process = self._process
        assert process is not None
        outcome = process.ask(job, self._time_limit_s)
        if isinstance(outcome, Fault) and outcome.limit is not None and not self._is_closed:
            _log.warning("chat template: %s; its process is replaced", outcome.message)
            process.kill()
            self.start()
        return outcome


class _RendererProcess:
    """One renderer. A thread does the reading and writing, so that asking can end in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._is_up = False
        threading.Thread(target=self._exchange, name="renderer", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, job: Job, limit_s: float) -> Outcome:
        """The outcome; a `Fault` that names a limit means that this process is spent."""
        if not self._is_up:
            hello = self._wait(_START_LIMIT_S, _START_LIMIT_S)
            if isinstance(hello, Fault):
                return hello
            self._is_up = True
        body = msgspec.msgpack.encode(job)
        self._jobs.put(LENGTH.pack(len(body)) + body)
        return self._wait(limit_s, limit_s * PATIENCE)

    def kill(self) -> None:
        self._process.kill()
        self._jobs.put(b"")
        self._process.wait()

    def _wait(self, processor_limit_s: float, limit_s: float) -> Outcome:
        deadline_s = self._clock.monotonic_s() + limit_s
        allowed_s: float | None = None
        while True:
            try:
                outcome = self._outcomes.get(timeout=_CHECK_S)
            except queue.Empty:
                # Most outcomes come sooner than its use of the processor could be read.
                allowed_s = allowed_s or processor_limit_s + self._processor_s()
                if self._clock.monotonic_s() > deadline_s or self._processor_s() > allowed_s:
                    return Fault(f"it ran longer than {processor_limit_s:g} s", "time")
                if self._is_greedy():
                    return _GREEDY
                continue
            if outcome is None:
                return Fault("the process that renders it ended", "process")
            return _GREEDY if isinstance(outcome, Fault) and outcome.limit else outcome

    def _processor_s(self) -> float:
        """Processor time it has used; 0 once it has ended."""
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    def _is_greedy(self) -> bool:
        """For systems whose kernel does not limit it; there a renderer may exceed for 20 ms."""
        if sys.platform == "linux":
            return False
        try:
            used_bytes: int = psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            return False
        return used_bytes > MAX_MEMORY_BYTES

    def _exchange(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            with self._process.stdin as jobs, self._process.stdout as outcomes:
                self._outcomes.put(_read(outcomes))
                while frame := self._jobs.get():
                    jobs.write(frame)
                    jobs.flush()
                    self._outcomes.put(_read(outcomes))
        except (OSError, msgspec.DecodeError):
            self._outcomes.put(None)


_GREEDY = Fault(f"it needed more than {MAX_MEMORY_BYTES // 2**20} MB of memory", "memory")
_decoder: msgspec.msgpack.Decoder[Outcome] = msgspec.msgpack.Decoder(Outcome)


def _read(outcomes: IO[bytes]) -> Outcome | None:
    header = outcomes.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    return _decoder.decode(outcomes.read(LENGTH.unpack(header)[0]))


def _error(what: str) -> TemplateError:
    return TemplateError(f"the model's chat template failed: {what}")
