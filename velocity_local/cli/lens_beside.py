"""`lens run --beside`: the same asked of a second server, in turns."""

from pathlib import Path

import msgspec

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_live import Live
from velocity_local.cli.lens_saying import environ_of, saying
from velocity_local.lens.in_turns import InTurns, Results
from velocity_local.lens.scenario_file import read
from velocity_local.lens.scenarios import Scenario, Target

_APART = ("workers", "scheduler", "records", "events")


def in_turns(call: Call, scenario: Scenario, *, series: str | None) -> Results:
    """Both runs: of the server beside, then of the scenario's own.

    Raises:
        CliError: if they cannot be made, or a flag is given that is for one server.
    """
    for flag in _APART:
        if getattr(call.args, flag):
            raise CliError(f"--{flag} is for one server; leave it or --beside out", code=Exit.USAGE)
    target = saying(lambda: _target(call, scenario))
    both = saying(
        lambda: InTurns(scenario, target, environ_of(call), listen=Live(call.out), series=series)
    )
    return saying(both.run, call)


def _target(call: Call, scenario: Scenario) -> Target:
    """A URL is the same target there; a file's target may differ in all it has."""
    given: str = call.args.beside
    if given.startswith(("http://", "https://")):
        return msgspec.structs.replace(scenario.target, url=given)
    return read(Path(given), call.environ).scenario().target
