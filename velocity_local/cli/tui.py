"""The verb tui: opens the terminal UI, which is found by name so that no other verb loads it."""

import importlib
import sys

from velocity_local.cli.call import KEY_VARIABLE, Call
from velocity_local.cli.exits import CliError, Exit

MODULE = "velocity_tui.__main__"


def tui(call: Call) -> int:
    """Show the daemon until the person leaves."""
    if not (call.out.out_is_terminal and sys.stdin.isatty()):
        raise CliError(
            "the terminal UI needs a terminal", code=Exit.USAGE, next_step="velocity-local status"
        )
    base_url = None if call.host is None else call.address()
    run = importlib.import_module(MODULE).run
    return int(run(call.environ, base_url=base_url, secret=call.environ.get(KEY_VARIABLE)))
