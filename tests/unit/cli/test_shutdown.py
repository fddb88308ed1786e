import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from velocity_local.cli.shutdown import _signal
from velocity_local.config.runtime import DaemonRecord


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    waiting = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield waiting
    waiting.kill()
    waiting.communicate()


def record(pid: int, started_s: float) -> DaemonRecord:
    return DaemonRecord(pid, "127.0.0.1", 1, "http://127.0.0.1:1", "0.1.0", started_s)


def test_the_process_of_the_note_is_signalled(process: "subprocess.Popen[bytes]") -> None:
    _signal(record(process.pid, time.time()), forced=True)
    assert process.wait(10) != 0


def test_a_number_that_has_gone_to_another_process_is_left_alone(
    process: "subprocess.Popen[bytes]",
) -> None:
    _signal(record(process.pid, time.time() - 3600), forced=True)
    assert process.poll() is None


def test_a_process_that_is_gone_is_no_error(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(10)
    _signal(record(process.pid, time.time()), forced=False)
