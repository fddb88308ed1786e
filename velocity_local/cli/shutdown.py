"""Stops the daemon: asked over its API, then by signal, and killed when it does not end."""

import signal
from contextlib import suppress

import psutil

from velocity_local.cli.exits import CliError
from velocity_local.cli.output import Output
from velocity_local.cli.waiting import wait_for
from velocity_local.client.api import ask_to_stop
from velocity_local.client.daemon import LocalDaemon
from velocity_local.client.errors import ClientError
from velocity_local.config.runtime import DaemonRecord

_STARTING_TIMEOUT_S = 10.0
_KILLED_TIMEOUT_S = 5.0


def stop(local: LocalDaemon, out: Output, *, timeout_s: float) -> bool:
    """Stop the daemon and wait for its end; False if none ran.

    Raises:
        CliError: if it does not end.
    """
    if not local.is_running():
        return False
    record = wait_for(local.record, timeout_s=_STARTING_TIMEOUT_S)
    process = _process_of(local)
    if process is None:
        if not local.is_running():
            return True
        raise CliError("the daemon does not say who it is", next_step="velocity-local logs")
    if record is None:
        out.note(f"The daemon listens nowhere yet; ending its process {process.pid}.")
        _terminate(process)
    else:
        _ask(local, record, process)
    if not _ended(local, timeout_s):
        out.note(f"It did not end within {timeout_s:.0f} s; killing it.")
        with suppress(psutil.NoSuchProcess):
            process.kill()
        if not _ended(local, _KILLED_TIMEOUT_S):
            raise CliError(f"process {process.pid} does not end")
    return True


def _process_of(local: LocalDaemon) -> psutil.Process | None:
    pid = local.holder_pid()
    try:
        return None if pid is None else psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _ask(local: LocalDaemon, record: DaemonRecord, process: psutil.Process) -> None:
    try:
        ask_to_stop(local.client(record))
    except ClientError:
        _terminate(process)


def _terminate(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)


def _ended(local: LocalDaemon, timeout_s: float) -> bool:
    ended = wait_for(lambda: None if local.is_running() else True, timeout_s=timeout_s)
    return ended is not None
