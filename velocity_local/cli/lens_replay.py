"""The verbs lens replay and lens passive: recorded traffic, asked again or only read."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_flags import Given, scenario_of
from velocity_local.cli.lens_live import Live
from velocity_local.cli.lens_made import deliver
from velocity_local.cli.lens_saying import environ_of, saying
from velocity_local.cli.logs import parse_since
from velocity_local.client import api
from velocity_local.core.clock import SystemClock
from velocity_local.core.history import RequestRow
from velocity_local.lens import targets
from velocity_local.lens.execution import Execution
from velocity_local.lens.passive import passive_run
from velocity_local.lens.results import Environment, RunResult
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.surroundings import machine_facts
from velocity_local.lens.traces import Recorded, TraceSource, from_history, read_trace


def replay(call: Call) -> int:
    """Ask again what was recorded, at the recorded times."""
    if (call.args.trace is None) == (call.args.history is None):
        raise CliError(
            "what is to be replayed?",
            code=Exit.USAGE,
            next_step="velocity-local lens replay TRACE, or --history 1h",
        )
    load: Given = {
        "load.kind": ("the verb", "replay"),
        "load.speed": ("--speed", call.args.speed),
    }
    scenario = scenario_of(call, load)
    trace = saying(lambda: _trace(call))
    if call.args.save_trace is not None:
        _save(Path(call.args.save_trace), trace)
    result = saying(lambda: _replayed(call, scenario, trace), call)
    return deliver(call, [result])


def passive(call: Call) -> int:
    """The figures of what was asked of the daemon anyway."""
    until_s = SystemClock().wall_s()
    since_s = _since_s(call.args.since)
    client = call.connect()
    rows = _rows(call, since_s)
    release = api.status(client).release
    result = passive_run(
        rows,
        since_s=since_s,
        until_s=until_s,
        model=call.args.model,
        environment=Environment(machine_facts(client, ""), {"release": release}),
    )
    if not result.n_requests:
        call.out.note(f"Nothing was asked in the last {call.args.since}.")
        return Exit.OK
    deliver(call, [result])
    return Exit.OK


def _trace(call: Call) -> tuple[Recorded, ...]:
    if call.args.trace is not None:
        return read_trace(Path(call.args.trace))
    return from_history(_rows(call, _since_s(call.args.history)))


def _replayed(call: Call, scenario: Scenario, trace: tuple[Recorded, ...]) -> RunResult:
    environ = environ_of(call)
    found = targets.find(scenario.target, environ)
    texts = targets.texts_for(found)
    source = TraceSource(scenario, trace, texts, nonce=secrets.token_hex(4))
    execution = Execution(
        scenario, environ, listen=Live(call.out), source=source, recorded_s=source.starts_s
    )
    return execution.run()


def _rows(call: Call, since_s: float) -> list[RequestRow]:
    """The history's rows since then; it comes newest first."""
    found = []
    for row in api.requests(call.connect()):
        if row.created_s < since_s:
            break
        found.append(row)
    return found


def _since_s(text: str) -> float:
    return parse_since(text, now=datetime.now(UTC)).timestamp()


def _save(path: Path, trace: tuple[Recorded, ...]) -> None:
    try:
        path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in trace))
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error
