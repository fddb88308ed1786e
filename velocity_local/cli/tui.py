"""The verb tui: opens the terminal UI, which is found by name so that no other verb loads it."""

import importlib
import importlib.util
import sys

from velocity_local.cli.call import KEY_VARIABLE, Call
from velocity_local.cli.exits import CliError, Exit

MODULE = "velocity_tui.__main__"
SERVING = "velocity_tui.serving"
_EXTRA = "textual_serve"


def tui(call: Call) -> int:
    """Show the daemon until the person leaves."""
    if call.args.serve:
        return _serve(call)
    if not (call.out.out_is_terminal and sys.stdin.isatty()):
        raise CliError(
            "the terminal UI needs a terminal", code=Exit.USAGE, next_step="velocity-local status"
        )
    base_url = None if call.host is None else call.address()
    run = importlib.import_module(MODULE).run
    return int(run(call.environ, base_url=base_url, secret=call.environ.get(KEY_VARIABLE)))


def _serve(call: Call) -> int:
    """In a browser, until interrupted."""
    if importlib.util.find_spec(_EXTRA) is None:
        raise CliError(
            "--serve needs textual-serve, which is not installed",
            next_step="pip install 'velocity-local[serve]'",
        )
    serving = importlib.import_module(SERVING)
    arguments = [] if call.host is None else [call.address()]

    def tell(address: str) -> None:
        call.out.line(address)
        call.out.note("Open it in a browser on this machine. Whoever has it can do what you can.")

    try:
        serving.serve(arguments, port=call.args.port, tell=tell)
    except OSError as error:
        raise CliError(
            f"cannot listen on {serving.HOST}:{call.args.port}: {error.strerror}",
            next_step="velocity-local tui --serve --port 0",
        ) from error
    return Exit.OK
