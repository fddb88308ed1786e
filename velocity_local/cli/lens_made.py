"""What becomes of runs that were just made: kept, written, shown, and an exit status."""

from collections.abc import Sequence
from pathlib import Path

from velocity_local.cli import lens_live
from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_sources import shelf
from velocity_local.lens import formats
from velocity_local.lens.results import RunResult


def deliver(call: Call, runs: Sequence[RunResult], *, is_shown: bool = False) -> int:
    """Keep and write the runs, and show them unless that was done. Results come before complaints:
    nothing measured is lost.
    """
    if not call.args.json and not is_shown:
        for run in runs:
            lens_live.show(call.out, run)
    keep(call, runs)
    return status(runs)


def keep(call: Call, runs: Sequence[RunResult]) -> None:
    """Keep and write the runs, and print them if they are wanted as JSON.

    Raises:
        CliError: if one of it did not work, after all of it was tried.
    """
    fault = _written(call, runs)
    if call.args.json:
        call.out.json("lens-results/1", runs=runs)
        for note in (note for run in runs for note in lens_live.notes(run)):
            call.out.note(note)
    if fault is not None:
        raise fault


def status(runs: Sequence[RunResult]) -> int:
    """130 for an interrupted run, 3 if nobody answered, 1 if a run is void or all of it failed."""
    if any(run.partial_reason is not None for run in runs):
        return Exit.INTERRUPTED
    if all(set(run.n_errors) == {"connect"} and not run.is_answered for run in runs):
        return Exit.UNREACHABLE
    if any(run.void_reason is not None or not run.is_answered for run in runs):
        return Exit.FAILURE
    return Exit.OK


def _written(call: Call, runs: Sequence[RunResult]) -> CliError | None:
    """Keep and write; what goes wrong is told once the figures were shown."""
    fault: CliError | None = None
    if not call.args.no_save:
        try:
            with shelf(call) as opened:
                opened.save(runs)
        except CliError as error:
            fault = CliError(f"the run is not kept: {error.message}", code=error.code)
    if call.args.out is not None:
        try:
            formats.write(Path(call.args.out), formats.result_file(runs))
        except OSError as error:
            fault = CliError(f"cannot write {call.args.out}: {error.strerror}")
    return fault
