"""Whoever holds the lock is ended, whether or not it says where it listens."""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from velocity_local.cli import shutdown
from velocity_local.cli.exits import CliError
from velocity_local.cli.output import Output
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import locate

HOLDER = """
import os, sys
from pathlib import Path
from velocity_local.config.runtime import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
assert lock.acquire()
if sys.argv[2] == "signs":
    lock.sign(os.getpid())
print("held", flush=True)
input()
"""


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalDaemon:
    monkeypatch.setattr(shutdown, "_STARTING_TIMEOUT_S", 0.1)
    paths = locate({"VELOCITY_HOME": str(tmp_path)})
    paths.create()
    return LocalDaemon(paths)


@contextmanager
def holder(local: LocalDaemon, how: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", HOLDER, str(local.paths.lock_file), how]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def stop(local: LocalDaemon) -> str:
    """Stop it; what the user was told meanwhile."""
    told = io.StringIO()
    assert shutdown.stop(local, Output(io.StringIO(), told), timeout_s=10)
    return told.getvalue()


def test_a_holder_that_listens_nowhere_is_ended_by_signal(local: LocalDaemon) -> None:
    with holder(local, "signs") as process:
        assert f"process {process.pid}" in stop(local)
        assert process.wait(10) != 0


def test_a_holder_that_does_not_say_who_it_is_is_left_alone(local: LocalDaemon) -> None:
    with holder(local, "says nothing") as process:
        with pytest.raises(CliError, match="does not say who it is"):
            stop(local)
        assert process.poll() is None


def test_nothing_is_stopped_where_nothing_runs(local: LocalDaemon) -> None:
    assert not shutdown.stop(local, Output(io.StringIO(), io.StringIO()), timeout_s=1)
