"""What is compared: the bare loop and servers, all asked the same through one method."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import msgspec
import psutil

from benchmarks.bare_loop import Job, Measured
from benchmarks.load import Load, Target, run_load
from benchmarks.processes import Server


@dataclass(frozen=True, slots=True)
class Result:
    """What one load cost; `ttft_ms` is the median, for the bare loop its prefill.

    `cpu_us_per_token` is the processor time of the server's own process (a worker not counted),
    None where that is the engine itself.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens_per_s: float
    decode_tokens_per_s: float
    ttft_ms: float
    itl_p50_ms: float | None = None
    itl_p99_ms: float | None = None
    cpu_us_per_token: float | None = None


class Contender(Protocol):
    """Something that a load can be given to."""

    @property
    def name(self) -> str: ...

    def run(self, load: Load) -> Result: ...


class BareContender:
    """The bare loop in a process of its own, kept for the whole comparison."""

    name = "bare loop"

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        self._decoder = msgspec.json.Decoder(Measured)

    def run(self, load: Load) -> Result:
        job = Job(load.prompts(), load.max_tokens, load.sampling)
        self._commands.write(msgspec.json.encode(job) + b"\n")
        self._commands.flush()
        measured = self._decoder.decode(self._answers.readline())
        return Result(
            prompt_tokens=measured.prompt_tokens,
            completion_tokens=measured.completion_tokens,
            total_tokens_per_s=measured.total_tokens_per_s,
            decode_tokens_per_s=measured.decode_tokens_per_s,
            ttft_ms=measured.prefill_s * 1e3,
        )


@dataclass(frozen=True, slots=True)
class ServerContender:
    """A server, driven over HTTP."""

    name: str
    server: Server

    def run(self, load: Load) -> Result:
        process = psutil.Process(self.server.pid)
        before = _cpu_s(process)
        run = run_load(Target(self.server.url, self.server.model), load)
        used_s = _cpu_s(process) - before
        return Result(
            prompt_tokens=run.prompt_tokens,
            completion_tokens=run.completion_tokens,
            total_tokens_per_s=run.total_tokens_per_s,
            decode_tokens_per_s=run.decode_tokens_per_s,
            ttft_ms=run.ttft_p50_ms,
            itl_p50_ms=run.itl_p50_ms,
            itl_p99_ms=run.itl_p99_ms,
            cpu_us_per_token=used_s / run.completion_tokens * 1e6 if self.server.home else None,
        )


@contextmanager
def bare_contender(model: Path, *, threads: int) -> Iterator[BareContender]:
    """Loads the model at the first job."""
    command = [sys.executable, "-m", "benchmarks.bare_loop", "--serve"]
    command += ["--model", str(model), "--threads", str(threads)]
    folder = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=dict(os.environ)
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield BareContender(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
