import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli import about, main
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output
from velocity_local.client.errors import ApiError, ProtocolError, Unreachable
from velocity_local.config.errors import ConfigError


def ending(error: BaseException) -> Callable[[Call], int]:
    def verb(_: Call) -> int:
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (CliError("cause", next_step="do this"), 1, "error: cause\n  try: do this\n"),
        (CliError("bad", code=Exit.DOES_NOT_FIT), 5, "error: bad\n"),
        (Unreachable("http://x:1", "connection refused"), 3, "try: velocity-local status"),
        (ApiError(404, "model_not_found", "no model x"), 4, "try: velocity-local list"),
        (ApiError(507, "out_of_memory", "needs 9 GB"), 5, "error: needs 9 GB"),
        (ApiError(401, "invalid_api_key", "no key"), 1, "VELOCITY_API_KEY"),
        (ApiError(400, "invalid_value", "wrong"), 1, "error: wrong\n"),
        (ProtocolError("what is this"), 1, "error: what is this\n"),
        (ConfigError("server.port is wrong"), 1, "error: server.port is wrong\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, told: str
) -> None:
    monkeypatch.setattr(about, "version", ending(error))
    ran = cli("version")
    assert ran.status == status
    assert told in ran.err
    assert ran.out == ""


def test_the_version_is_data() -> None:
    ran = cli("version")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("velocity-local 0.")


COMMAND = [sys.executable, "-m", "velocity_local.cli.main"]


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


class Full(io.StringIO):
    """A disk without room."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_let_go_of_output", lambda: None)
    err = io.StringIO()
    assert main.run(["version"], {}, Output(Full(), err)) == 1
    assert err.getvalue() == "error: cannot write the output: No space left on device\n"
