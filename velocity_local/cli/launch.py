"""Starts the daemon's process and waits for it. One start at a time; the daemon's own lock
decides which daemon lives.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.waiting import wait_for
from velocity_local.client.daemon import LocalDaemon
from velocity_local.client.errors import ClientError
from velocity_local.config.errors import ConfigError
from velocity_local.config.paths import Paths
from velocity_local.config.runtime import DaemonRecord, InstanceLock, read_record

MODULE = "velocity_local.daemon"
EXIT_ALREADY_RUNNING = 3
EXIT_PORT_TAKEN = 4
_LISTEN_TIMEOUT_S = 60.0
_TAIL_LINES = 15
_PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Started:
    """A daemon that answers, and whether this start brought it up."""

    record: DaemonRecord
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How far a new process came: it answers, or it ended, or neither in time."""

    record: DaemonRecord | None
    status: int | None


def command(flags: Sequence[str]) -> list[str]:
    """How the daemon is run; -P keeps the current folder off its import path."""
    return [sys.executable, "-P", "-m", MODULE, *flags]


def ensure_running(
    local: LocalDaemon, flags: Sequence[str], *, environ: Mapping[str, str] | None = None
) -> Started:
    """The running daemon, started with `flags` if there was none, and `environ` if it is given.

    Raises:
        CliError: if it cannot be started, with the reason it gave.
    """
    local.paths.create()
    with _one_at_a_time(local.paths):
        record = _wait_for_running(local)
        if record is not None:
            return Started(record, is_new=False)
        return _start(local, flags, environ, attempts=2)


def _wait_for_running(local: LocalDaemon) -> DaemonRecord | None:
    """The record of a daemon that answers, also if it is only just starting; None if none runs."""
    found = wait_for(lambda: _look(local), timeout_s=_LISTEN_TIMEOUT_S)
    if found is None:
        raise CliError(
            "a daemon runs, but does not answer", next_step="velocity-local stop --timeout 5"
        )
    return found.record


def _look(local: LocalDaemon) -> "_Outcome | None":
    if not local.is_running():
        return _Outcome(None, None)
    record = _answering(local)
    return _Outcome(record, None) if record is not None else None


def _answering(local: LocalDaemon, *, stale: DaemonRecord | None = None) -> DaemonRecord | None:
    """The daemon's record if it is not the `stale` one and the daemon answers now.

    The lock is not touched: a look at it could make a daemon that is starting lose it.
    """
    record = read_record(local.paths.daemon_file)
    if record is None or record == stale:
        return None
    try:
        status, _ = local.client(record).status("/health", timeout_s=_PROBE_TIMEOUT_S)
    except (ClientError, ConfigError):
        return None
    return record if status == HTTPStatus.OK else None


def _start(
    local: LocalDaemon, flags: Sequence[str], environ: Mapping[str, str] | None, *, attempts: int
) -> Started:
    said = local.paths.log_dir / "start.log"
    stale = read_record(local.paths.daemon_file)
    child = _spawn(command(flags), said, local.paths.data_dir, environ)

    def progress() -> _Outcome | None:
        status = child.poll()
        record = _answering(local, stale=stale) if status is None else None
        return None if record is None and status is None else _Outcome(record, status)

    outcome = wait_for(progress, timeout_s=_LISTEN_TIMEOUT_S) or _Outcome(None, None)
    if outcome.record is not None:
        return Started(outcome.record, is_new=True)
    if outcome.status == EXIT_ALREADY_RUNNING:
        record = _wait_for_running(local)
        if record is not None:
            return Started(record, is_new=False)
        if attempts > 1:
            return _start(local, flags, environ, attempts=attempts - 1)
    raise _failure(outcome.status, said)


def _spawn(
    arguments: list[str], said: Path, folder: Path, environ: Mapping[str, str] | None
) -> "subprocess.Popen[bytes]":
    """Start a process that outlives this one and its terminal; what it says goes to a file."""
    with said.open("wb") as sink:
        said.chmod(0o600)
        return subprocess.Popen(  # noqa: S603 - this interpreter with our own module
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd=folder,
            env=environ,
            start_new_session=os.name == "posix",
            creationflags=_detached_flags(),
        )


def _detached_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return 0


def _failure(status: int | None, said: Path) -> CliError:
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_TAIL_LINES:]
    told = "\n".join(line.removeprefix("velocity-local: ") for line in lines)
    if status is None:
        told += f"\nthe daemon did not answer within {_LISTEN_TIMEOUT_S:.0f} s"
        return CliError(told.strip(), next_step="velocity-local logs")
    if status == EXIT_PORT_TAKEN:
        return CliError(
            told or "the port is taken by another program",
            code=Exit.NOT_FOUND,
            next_step="velocity-local start --port PORT",
        )
    return CliError(
        told or f"the daemon ended with status {status}", next_step="velocity-local logs"
    )


@contextmanager
def _one_at_a_time(paths: Paths) -> Iterator[None]:
    lock = InstanceLock(paths.runtime_dir / "start.lock")
    if wait_for(lambda: lock.acquire() or None, timeout_s=2 * _LISTEN_TIMEOUT_S) is None:
        raise CliError("another start does not end", next_step="velocity-local status")
    try:
        yield
    finally:
        lock.release()
