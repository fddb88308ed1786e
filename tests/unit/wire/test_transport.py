import os
import queue
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from velocity_local.wire.ipc.codec import FrameError, FrameSplitter, decode_report, encode
from velocity_local.wire.ipc.messages import Ping, Rendered, Shutdown
from velocity_local.wire.ipc.transport import Closed, CommandReader, Incoming, ReportWriter


@dataclass
class Pipe:
    read_fd: int
    write_fd: int
    last_read: threading.Event | None = None

    def close(self) -> None:
        """A reader ends first: the number of what it reads may soon be another pipe's."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
        if self.last_read is not None:
            assert self.last_read.wait(5)
        if self.read_fd >= 0:
            os.close(self.read_fd)

    def close_reading(self) -> None:
        os.close(self.read_fd)
        self.read_fd = -1

    def close_writing(self) -> None:
        os.close(self.write_fd)
        self.write_fd = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(*os.pipe())
    yield pipe
    pipe.close()


def _reader(pipe: Pipe) -> "queue.SimpleQueue[Incoming]":
    arrived: queue.SimpleQueue[Incoming] = queue.SimpleQueue()
    last_read = pipe.last_read = threading.Event()

    def deliver(item: Incoming) -> None:
        arrived.put(item)
        if isinstance(item, Closed | FrameError):
            last_read.set()

    CommandReader(pipe.read_fd, deliver).start()
    return arrived


def test_commands_arrive_in_order_however_they_are_cut(pipe: Pipe) -> None:
    arrived = _reader(pipe)
    data = b"".join(encode(Ping(number)) for number in range(3))
    for byte in data:
        os.write(pipe.write_fd, bytes((byte,)))
    assert [arrived.get(timeout=5) for _ in range(3)] == [Ping(0), Ping(1), Ping(2)]


def test_the_end_of_the_pipe_is_told_after_what_came_before(pipe: Pipe) -> None:
    os.write(pipe.write_fd, encode(Shutdown()))
    pipe.close_writing()
    arrived = _reader(pipe)
    assert arrived.get(timeout=5) == Shutdown()
    assert isinstance(arrived.get(timeout=5), Closed)


def test_a_broken_stream_is_told_once_and_not_read_on(pipe: Pipe) -> None:
    os.write(pipe.write_fd, b"\xff\xff\xff\xff" + encode(Shutdown()))
    pipe.close_writing()
    arrived = _reader(pipe)
    assert isinstance(arrived.get(timeout=5), FrameError)
    with pytest.raises(queue.Empty):
        arrived.get(timeout=0.05)


def _read(pipe: Pipe, n_reports: int) -> list[object]:
    splitter, reports = FrameSplitter(), list[object]()
    while len(reports) < n_reports:
        reports += map(decode_report, splitter.feed(os.read(pipe.read_fd, 65536)))
    return reports


def test_reports_are_written_in_order(pipe: Pipe) -> None:
    writer = ReportWriter(pipe.write_fd)
    expected = [Rendered(number, "x" * number) for number in range(50)]
    for report in expected:
        writer.send(report)
    writer.start()
    assert _read(pipe, 50) == expected
    writer.close()


def test_sending_does_not_wait_for_a_full_pipe(pipe: Pipe) -> None:
    writer = ReportWriter(pipe.write_fd, backlog_bytes=1000)
    writer.start()
    big = Rendered(1, "x" * 1_000_000)
    writer.send(big)
    writer.send(Rendered(2, "x" * 2000))
    writer.send(Rendered(3, ""))
    assert _read(pipe, 3)[0] == big
    writer.wait_until_drained()
    assert not writer.is_congested
    writer.close()


def test_a_backlog_over_the_limit_is_congestion(pipe: Pipe) -> None:
    writer = ReportWriter(pipe.write_fd, backlog_bytes=10_000)
    writer.send(Rendered(1, "x" * 6000))
    assert not writer.is_congested
    writer.send(Rendered(2, "x" * 6000))
    assert writer.is_congested


def test_a_pipe_that_is_gone_blocks_nobody(pipe: Pipe) -> None:
    pipe.close_reading()
    writer = ReportWriter(pipe.write_fd, backlog_bytes=10)
    writer.start()
    writer.send(Rendered(1, "x" * 100))
    writer.wait_until_drained()
    writer.send(Rendered(2, "x" * 100))
    assert not writer.is_congested
    writer.close()


def test_a_small_report_is_written_before_send_returns(pipe: Pipe) -> None:
    writer = ReportWriter(pipe.write_fd)
    if sys.platform == "win32":  # whose pipes cannot be asked whether they have room
        writer.start()
    writer.send(Rendered(1, "x"))
    (body,) = FrameSplitter().feed(os.read(pipe.read_fd, 65536))
    assert decode_report(body) == Rendered(1, "x")


def test_small_reports_keep_their_place_behind_large_ones(pipe: Pipe) -> None:
    writer = ReportWriter(pipe.write_fd)
    sent = [Rendered(1, "x" * 100_000), Rendered(2, "y"), Rendered(3, "z")]
    for report in sent:
        writer.send(report)
    writer.start()
    splitter, bodies = FrameSplitter(), list[bytes]()
    while len(bodies) < len(sent):
        bodies += splitter.feed(os.read(pipe.read_fd, 65536))
    assert [decode_report(body) for body in bodies] == sent
    writer.close()
