from collections.abc import Callable

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli import about
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
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


def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(about, "version", ending(BrokenPipeError()))
    monkeypatch.setattr("os.dup2", lambda *_: None)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1, raising=False)
    assert cli("version").status == 0
