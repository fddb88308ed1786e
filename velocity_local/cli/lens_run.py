"""The verbs lens run and lens validate."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_beside import in_turns
from velocity_local.cli.lens_compared import show_comparison
from velocity_local.cli.lens_events import Told
from velocity_local.cli.lens_flags import load_flags, scenario_of
from velocity_local.cli.lens_live import Live
from velocity_local.cli.lens_made import deliver
from velocity_local.cli.lens_saying import environ_of, saying
from velocity_local.lens.compare import Incomparable, compare
from velocity_local.lens.distributed.crowd import Crowd
from velocity_local.lens.execution import Execution
from velocity_local.lens.gathering import Spill
from velocity_local.lens.paired import sides
from velocity_local.lens.prompts import read_prompts
from velocity_local.lens.records_file import RecordsFile
from velocity_local.lens.results import RunResult
from velocity_local.lens.scenarios import PromptFile, Scenario
from velocity_local.lens.targets import on_host


def run(call: Call) -> int:
    """Measure a server under one load."""
    if call.args.events and call.args.json:
        raise CliError("give --events or --json, not both", code=Exit.USAGE)
    scenario = scenario_of(call, load_flags(call))
    if call.args.beside is not None:
        return _beside(call, scenario)
    if call.args.workers is not None or call.args.scheduler is not None:
        return deliver(call, saying(lambda: _together(call, scenario), call))
    return _alone(call, scenario)


def _alone(call: Call, scenario: Scenario) -> int:
    """One server, asked by one client."""
    records = _records(call)
    try:
        spill = None if records is None else records.write
        runs = _repeated(
            call, lambda series: (measured(call, scenario, spill=spill, series=series),)
        )
    finally:
        if records is not None:
            records.close()
    status = deliver(call, runs, is_shown=call.args.events)
    if records is not None and records.fault is not None:
        raise CliError(f"{call.args.records} is not complete: {records.fault.lower()}")
    return status


def _beside(call: Call, scenario: Scenario) -> int:
    """Two servers, asked in turns, and what differs."""
    runs = _repeated(call, lambda series: in_turns(call, scenario, series=series))
    status = deliver(call, runs)
    both = sides(runs)
    if both is None or call.args.json:
        return status
    try:
        show_comparison(call, compare(*both))
    except Incomparable as error:
        call.out.note(f"not compared: {error}")
    return status


def _together(call: Call, scenario: Scenario) -> list[RunResult]:
    """The runs made by several clients."""
    n_workers, scheduler = call.args.workers, call.args.scheduler
    if n_workers is None or n_workers < 1:
        raise CliError("how many clients? give --workers N", code=Exit.USAGE)
    if call.args.records is not None:
        raise CliError("--records: workers keep histograms, no requests", code=Exit.USAGE)
    at_host = on_host(scenario, environ_of(call))
    call.out.progress(f"starting {n_workers} workers ...")
    with Crowd(n_workers, scheduler=scheduler) as crowd:
        return _repeated(
            call, lambda series: (crowd.run(at_host, listen=Live(call.out), series=series),)
        )


def _repeated(
    call: Call, run_once: Callable[[str | None], tuple[RunResult, ...]]
) -> list[RunResult]:
    """The run so often as it was asked for; an interrupted one is the last."""
    n = call.args.repeat
    if n < 1:
        raise CliError(f"--repeat {n}: once at least", code=Exit.USAGE)
    series = secrets.token_hex(6) if n > 1 else None
    runs: list[RunResult] = []
    for _ in range(n):
        runs += run_once(series)
        if any(run.partial_reason for run in runs):
            break
    return runs


def validate(call: Call) -> int:
    """Say whether a scenario's file can be run, and what it would do."""
    scenario = scenario_of(call)
    workload = scenario.workload
    if isinstance(workload, PromptFile):
        saying(lambda: read_prompts(Path(workload.path)))
    if call.args.json:
        call.out.json("lens-scenario/1", scenario=scenario)
    else:
        kind = type(scenario.load).__name__.lower()
        call.out.note(f"{call.args.file} is a scenario: {scenario.name}, {kind}.")
    return Exit.OK


def measured(
    call: Call, scenario: Scenario, *, spill: Spill | None = None, series: str | None = None
) -> RunResult:
    """One run, its progress shown to a person.

    Raises:
        CliError: if it cannot be run.
    """
    told = Told(call.out) if getattr(call.args, "events", False) else None
    listen = told or Live(call.out)
    execution = Execution(scenario, environ_of(call), listen=listen, spill=spill, series=series)
    if told is not None:
        told.listen_to(sys.stdin.fileno(), execution.cancel)
    return saying(execution.run, call)


def _records(call: Call) -> RecordsFile | None:
    if call.args.records is None:
        return None
    path = Path(call.args.records)
    try:
        return RecordsFile(path.open("wb"))
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error
