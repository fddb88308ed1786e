"""What the verbs of the lens that measure share: their environment, and how refusals are told."""

from collections.abc import Callable
from typing import TypeVar

from velocity_local.cli.call import Call
from velocity_local.cli.exits import CliError, Exit
from velocity_local.lens.errors import BadScenario, LensError
from velocity_local.lens.targets import HOST_VARIABLE

T = TypeVar("T")


def environ_of(call: Call) -> dict[str, str]:
    """The environment with --host in it, which says where the daemon is."""
    host = {HOST_VARIABLE: call.host} if call.host is not None else {}
    return {**call.environ, **host}


def saying(work: Callable[[], T], call: Call | None = None) -> T:
    """What `work` gives; what it refuses ends the command.

    Raises:
        CliError: with the exit status for it.
    """
    try:
        return work()
    except BadScenario as error:
        raise CliError(str(error), code=Exit.USAGE) from error
    except LensError as error:
        raise CliError(str(error)) from error
    finally:
        if call is not None:
            call.out.end_progress()
