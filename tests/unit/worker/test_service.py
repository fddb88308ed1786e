"""Faults that no script can cause: what the supervisors do when our own code is wrong."""

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from velocity_local.core.clock import ManualClock
from velocity_local.core.events import Delta, Failed, Finished
from velocity_local.core.kv import KvTiers
from velocity_local.core.models import LoadOptions
from velocity_local.core.queueing import QueueTerms
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.codec import FrameSplitter, decode_report
from velocity_local.wire.ipc.messages import (
    AnyReport,
    Command,
    Generate,
    LimitKv,
    Refused,
    Shutdown,
    Step,
)
from velocity_local.wire.ipc.transport import ReportWriter
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Script
from velocity_local.worker.chat.pipeline import ChoicePipeline
from velocity_local.worker.engine.backend import Forward, Span
from velocity_local.worker.exit_codes import EXIT_OK
from velocity_local.worker.render_host import RenderHost
from velocity_local.worker.service import Inbox, WorkerService


class Faulty(FakeBackend):
    """Raises what no backend should, whenever `is_wrong` says so."""

    def __init__(self) -> None:
        super().__init__(Script(chat_template=False), LoadOptions(n_seq_max=4))
        self.is_wrong: Callable[[Sequence[Span]], bool] = lambda _: False

    def forward(self, spans: Sequence[Span]) -> Forward:
        if self.is_wrong(spans):
            raise ZeroDivisionError("ours")
        return super().forward(spans)


class Service:
    """A service in this process, its loop on a thread, its reports read from a pipe."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.read_fd, self.write_fd = os.pipe()
        self.backend = Faulty()
        self.inbox: Inbox = queue.SimpleQueue()
        self.writer = ReportWriter(self.write_fd)
        self.writer.start()
        self.host = RenderHost()
        self.service = WorkerService(
            self.backend, self.inbox, self.writer, self.host, self.clock, kv=KvTiers(10**6)
        )
        self.exit_codes: list[int] = []
        self.loop = threading.Thread(target=lambda: self.exit_codes.append(self.service.run()))
        self._splitter = FrameSplitter()
        self._reports: list[AnyReport] = []
        self.service.start()
        self.loop.start()

    def send(self, command: Command) -> None:
        assert isinstance(command, Generate | LimitKv | Shutdown)
        self.inbox.put(command)
        self.service.notice(command)

    def next(self) -> AnyReport:
        while not self._reports:
            data = os.read(self.read_fd, 65536)
            self._reports += map(decode_report, self._splitter.feed(data))
        return self._reports.pop(0)

    def end(self, handle: int) -> Finished | Failed | Refused:
        """How a request ends."""
        while True:
            report = self.next()
            if isinstance(report, Refused):
                return report
            assert isinstance(report, Step)
            for owner, event in report.events:
                if owner == handle and isinstance(event, Finished | Failed):
                    return event

    def close(self) -> None:
        self.send(Shutdown())
        self.loop.join(10)
        self.host.close()
        self.writer.close()
        os.close(self.read_fd)
        os.close(self.write_fd)


@pytest.fixture
def service(caplog: pytest.LogCaptureFixture) -> Iterator[Service]:
    caplog.set_level(logging.CRITICAL + 1)
    service = Service()
    yield service
    service.close()
    assert service.exit_codes == [EXIT_OK]


def _ask(handle: int, text: str = "abc", *, timeout_s: float | None = None) -> Generate:
    queue = QueueTerms(timeout_s=timeout_s)
    request = GenerationRequest(str(handle), "m", TextPrompt(text), SamplingParams(), queue=queue)
    return Generate(handle, request)


def test_a_fault_in_a_step_fails_its_requests_and_the_worker_lives(service: Service) -> None:
    service.backend.is_wrong = lambda _: True
    service.send(_ask(1))
    ended = service.end(1)
    assert isinstance(ended, Failed)
    assert ended.error.code == "internal_error"
    service.backend.is_wrong = lambda _: False
    service.send(_ask(2))
    assert isinstance(service.end(2), Finished)


def test_a_fault_in_reading_an_output_fails_that_choice_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ChoicePipeline.feed

    def feed(self: ChoicePipeline, token: int, *rest: object) -> Delta | None:
        if token == ord("!"):
            raise ZeroDivisionError("ours")
        return whole(self, token)

    monkeypatch.setattr(ChoicePipeline, "feed", feed)
    service.send(_ask(1, "ab!"))
    service.send(_ask(2, "abc"))
    ends = {1: service.end(1)}
    assert isinstance(ends[1], Failed)
    service.send(_ask(3, "abc"))
    assert isinstance(service.end(3), Finished)


def test_a_fault_in_preparing_refuses_that_request_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: object, **__: object) -> list[int]:
        raise ZeroDivisionError("ours")

    with monkeypatch.context() as patch:
        patch.setattr(type(service.backend.tokenizer), "encode", encode)
        service.send(_ask(1))
        ended = service.end(1)
    assert isinstance(ended, Refused)
    assert ended.error.code == "internal_error"
    service.send(_ask(2))
    assert isinstance(service.end(2), Finished)


def test_waiting_to_be_prepared_is_waiting(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one text takes long to read, the next one's time runs out, and the clock tells both."""
    tokenizer, goes_on = service.backend.tokenizer, threading.Event()
    encode = tokenizer.encode

    def slowly(text: str, **how: bool) -> list[int]:
        assert goes_on.wait(10)
        return encode(text, **how)

    monkeypatch.setattr(tokenizer, "encode", slowly)
    service.send(_ask(1, timeout_s=60.0))
    service.send(_ask(2, timeout_s=4.0))
    service.clock.advance(5.0)
    goes_on.set()
    refused, finished = sorted((service.end(1), service.end(1)), key=_is_finished)
    assert isinstance(finished, Finished)
    assert finished.timings.queue_ms >= 5000
    assert isinstance(refused, Refused)
    assert (refused.handle, refused.error.code) == (2, "queue_timeout")


def _is_finished(end: Finished | Failed | Refused) -> bool:
    return isinstance(end, Finished)


def test_saved_prompts_are_told_and_go_when_memory_is_wanted(service: Service) -> None:
    for handle in range(1, 4):
        service.send(
            _ask(handle, f"{handle} of prompts that have little to do with each other" * 4)
        )
        assert isinstance(service.end(handle), Finished)
    service.send(LimitKv(10**6))
    before = service.next()
    service.send(LimitKv(0))
    after = service.next()
    assert isinstance(before, Step)
    assert isinstance(after, Step)
    assert before.load.kv_bytes > 0
    assert after.load.kv_bytes == 0
