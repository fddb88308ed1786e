"""The verbs start, stop, restart and serve."""

import os
import subprocess

from velocity_local.cli import launch, readiness, shutdown
from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.cli.greeting import greeting
from velocity_local.cli.readiness import Outcome
from velocity_local.config import load
from velocity_local.config.settings import Settings

_ANY_MODEL = "demo"


def start(call: Call) -> int:
    """Start the daemon if none runs, wait for a model, and say where it listens."""
    settings = _settings(call)
    local = call.local()
    started = launch.ensure_running(local, _flags(call))
    record = started.record
    state = "started" if started.is_new else "already running"
    call.out.note(f"velocity-local {record.version}: {state}, pid {record.pid}.")
    outcome = Outcome(is_ready=False, model=None)
    waits = bool(settings.fleet.preload) and not call.args.no_wait
    if waits:
        timeout_s = settings.fleet.load_timeout_s
        outcome = readiness.wait(local.client(record), call.out, timeout_s=timeout_s)
    if call.args.json:
        call.out.json("start/1", is_new=started.is_new, daemon=record, readiness=outcome)
    else:
        for line in greeting(record.base_url, outcome.model or _first(settings.fleet.preload)):
            call.out.line(line)
    return _told(call, outcome) if waits else Exit.OK


def stop(call: Call) -> int:
    """Stop the daemon; done already if none runs."""
    stopped = shutdown.stop(call.local(), call.out, timeout_s=call.args.timeout)
    call.out.note("Stopped." if stopped else "The daemon does not run.")
    return Exit.OK


def restart(call: Call) -> int:
    """Stop, then start at the same address unless another one is given."""
    local = call.local()
    _settings(call)
    record = local.record()
    if record is not None:
        call.args.host = call.args.host or record.host
        call.args.port = call.args.port if call.args.port is not None else record.port
    shutdown.stop(local, call.out, timeout_s=call.args.timeout)
    return start(call)


def serve(call: Call) -> int:
    """Become the daemon, in the foreground."""
    _settings(call)
    command = launch.command(_flags(call))
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - this interpreter with our own module
    daemon = subprocess.Popen(command)  # noqa: S603 - as above
    while True:
        try:
            return daemon.wait()
        except KeyboardInterrupt:
            # The console has told the daemon too, which now finishes its work.
            continue


def _told(call: Call, outcome: Outcome) -> int:
    if outcome.is_ready:
        return Exit.OK
    told = f"the daemon runs, but no model can answer: {outcome.reason}"
    call.out.error(told, "velocity-local logs")
    return Exit.FAILURE


def _first(preload: tuple[str, ...]) -> str:
    return preload[0] if preload else _ANY_MODEL


def _settings(call: Call) -> Settings:
    """The settings the daemon will have, so that a wrong one is told before it starts."""
    overrides: dict[str, object] = {"server.host": call.args.host, "server.port": call.args.port}
    for assignment in call.args.set:
        key, _, value = assignment.partition("=")
        overrides[key] = value
    return load.load(overrides=overrides, environ=call.environ, file=call.args.config).settings


def _flags(call: Call) -> list[str]:
    flags = []
    for name in ("host", "port", "config"):
        value = getattr(call.args, name)
        if value is not None:
            flags += [f"--{name}", str(value)]
    for assignment in call.args.set:
        flags += ["--set", assignment]
    return flags
