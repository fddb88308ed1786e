"""A real worker process, driven by frames over its pipes as the daemon would."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from velocity_local.core.events import Delta, Event, Failed, Finished
from velocity_local.core.messages import Message
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, GenerationRequest, Prompt, TextPrompt
from velocity_local.wire.ipc.codec import FrameSplitter, decode_report, encode
from velocity_local.wire.ipc.messages import (
    AnyReport,
    Command,
    Generate,
    Load,
    Loaded,
    Refused,
    Step,
)
from velocity_local.worker.backends.fake.script import Script

PATIENCE_S = 60.0


class Worker:
    """Reports come in order through `next`; every wait ends after `PATIENCE_S`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "velocity_local.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._reports: queue.SimpleQueue[AnyReport | None] = queue.SimpleQueue()
        self.log = b""
        self._threads = [threading.Thread(target=run) for run in (self._read, self._read_log)]
        for thread in self._threads:
            thread.start()

    def send(self, *commands: Command) -> None:
        self.send_bytes(b"".join(encode(command) for command in commands))

    def send_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def next(self) -> AnyReport:
        report = self._reports.get(timeout=PATIENCE_S)
        assert report is not None, f"the worker is gone: {self.log.decode()}"
        return report

    def until(self, is_it: Callable[[AnyReport], bool]) -> list[AnyReport]:
        """Reports up to the first that fits."""
        reports = [self.next()]
        while not is_it(reports[-1]):
            reports.append(self.next())
        return reports

    def load(self, path: str, options: LoadOptions) -> Loaded:
        self.send(Load(path, options))
        loaded = self.next()
        assert isinstance(loaded, Loaded), loaded
        return loaded

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_S)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        splitter = FrameSplitter()
        while data := os.read(self.process.stdout.fileno(), 65536):
            for body in splitter.feed(data):
                self._reports.put(decode_report(body))
        self._reports.put(None)

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        while data := os.read(self.process.stderr.fileno(), 65536):
            self.log += data


@dataclass
class Answer:
    """What the caller of one request has seen."""

    events: list[Event] = field(default_factory=list)

    @property
    def deltas(self) -> list[Delta]:
        return [event for event in self.events if isinstance(event, Delta)]

    def text(self, index: int = 0) -> str:
        return "".join(delta.text for delta in self.deltas if delta.index == index)

    def tokens(self, index: int = 0) -> tuple[int, ...]:
        return tuple(t for delta in self.deltas if delta.index == index for t in delta.tokens)

    @property
    def finished(self) -> Finished:
        assert isinstance(self.events[-1], Finished), self.events[-1]
        return self.events[-1]


@contextlib.contextmanager
def worker() -> Iterator[Worker]:
    running = Worker()
    try:
        yield running
    finally:
        running.end()


@contextlib.contextmanager
def fake_worker(
    folder: Path, script: Script | None = None, options: LoadOptions | None = None
) -> Iterator[Worker]:
    """A worker that has loaded the fake backend with `script`."""
    path = folder / "script.json"
    path.write_bytes(msgspec.json.encode(script or Script()))
    options = msgspec.structs.replace(
        options or LoadOptions(), backend="fake", backend_script=str(path)
    )
    with worker() as running:
        running.load("fake", options)
        yield running


def chat(text: str) -> ChatPrompt:
    return ChatPrompt((Message("user", text),))


def ask(handle: int, prompt: Prompt | str, **fields: object) -> Generate:
    """A command; a string is a text prompt."""
    ready = TextPrompt(prompt) if isinstance(prompt, str) else prompt
    request = GenerationRequest(f"req-{handle}", "fake", ready)
    return Generate(handle, msgspec.structs.replace(request, **fields))


def answer(running: Worker, handle: int, *, n: int = 1) -> Answer:
    """Follow one request to its end; other requests' events are passed over."""
    seen = Answer()
    while sum(isinstance(event, Finished | Failed) for event in seen.events) < n:
        report = running.next()
        assert not (isinstance(report, Refused) and report.handle == handle), report
        if isinstance(report, Step):
            seen.events += [event for owner, event in report.events if owner == handle]
    return seen


def refusal(running: Worker, handle: int) -> Refused:
    report = running.until(lambda report: isinstance(report, Refused))[-1]
    assert isinstance(report, Refused)
    assert report.handle == handle
    return report
