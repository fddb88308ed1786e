"""`lens run --beside`: the same asked of a second server, in turns."""

from pathlib import Path

import msgspec

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.lens_live import Live
from velocity_local.cli.lens_saying import environ_of, saying
from velocity_local.lens.in_turns import InTurns, Results
from velocity_local.lens.scenario_file import read
from velocity_local.lens.scenarios import Scenario

_APART = ("workers", "scheduler", "records", "events")


def in_turns(call: Call, scenario: Scenario, *, series: str | None) -> Results:
    """Both runs: of the server beside, then of the scenario's own.

    Raises:
        CliError: if they cannot be made, or a flag is given that is for one server.
    """
    for flag in _APART:
        if getattr(call.args, flag):
            raise CliError(f"--{flag} is for one server; leave it or --beside out", code=Exit.USAGE)
    before = saying(lambda: _before(call, scenario))
    both = saying(
        lambda: InTurns(before, scenario, environ_of(call), listen=Live(call.out), series=series)
    )
    return saying(both.run, call)


def _before(call: Call, scenario: Scenario) -> Scenario:
    """The scenario, asked of the server beside: a URL is the same target there, a file's target
    and labels may differ in all they have.
    """
    given: str = call.args.beside
    if given.startswith(("http://", "https://")):
        target = msgspec.structs.replace(scenario.target, url=given)
        return msgspec.structs.replace(scenario, target=target)
    other = read(Path(given), call.environ).scenario()
    labels = {**scenario.labels, **other.labels}
    return msgspec.structs.replace(scenario, target=other.target, labels=labels)
