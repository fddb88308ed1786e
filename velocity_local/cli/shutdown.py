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
_CLOCK_STEP_S = 5.0


def stop(local: LocalDaemon, out: Output, *, timeout_s: float) -> bool:
    """Stop the daemon and wait for its end; False if none ran.

    Raises:
        CliError: if it does not end.
    """
    if not local.is_running():
        return False
    record = wait_for(local.record, timeout_s=_STARTING_TIMEOUT_S)
    if record is None:
        if not local.is_running():
            return True
        raise CliError(
            "the daemon is starting and does not say where", next_step="velocity-local logs"
        )
    _ask(local, record)
    if not _ended(local, timeout_s):
        out.note(f"It did not end within {timeout_s:.0f} s; killing it.")
        _signal(record, forced=True)
        if not _ended(local, _KILLED_TIMEOUT_S):
            raise CliError(f"process {record.pid} does not end")
    return True


def _ask(local: LocalDaemon, record: DaemonRecord) -> None:
    try:
        ask_to_stop(local.client(record))
    except ClientError:
        _signal(record, forced=False)


def _ended(local: LocalDaemon, timeout_s: float) -> bool:
    ended = wait_for(lambda: None if local.is_running() else True, timeout_s=timeout_s)
    return ended is not None


def _signal(record: DaemonRecord, *, forced: bool) -> None:
    """Signal the process of the record, unless its number has gone to another one."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(record.pid)
        if process.create_time() > record.started_s + _CLOCK_STEP_S:
            return
        if forced:
            process.kill()
        else:
            process.send_signal(signal.SIGTERM)
