"""Looks on while the daemon works at something long."""

from collections.abc import Callable
from typing import TypeVar

from velocity_local.cli.exits import CliError, Exit
from velocity_local.cli.output import Output
from velocity_local.cli.waiting import Pause, wait_for
from velocity_local.client.errors import ApiError, Unreachable

T = TypeVar("T")
INTERVAL_S = 0.2
_BAR_CHARS = 24


def bar(share: float) -> str:
    """`[######------]` of what is done, 0 to 1."""
    filled = int(_BAR_CHARS * share)
    return f"[{'#' * filled}{'-' * (_BAR_CHARS - filled)}]"


def watch(
    probe: Callable[[], T | None], out: Output, what: str, *, pause: Pause | None = None
) -> T:
    """The first answer of `probe` that is not None; it may show progress, which ends here.

    Raises:
        CliError: if the daemon goes away, which says of `what` it lost sight.
    """
    try:
        ended = wait_for(probe, timeout_s=float("inf"), interval_s=INTERVAL_S, pause=pause)
    except (Unreachable, ApiError) as error:
        raise CliError(
            f"the daemon lost sight of {what} ({error})",
            code=Exit.UNREACHABLE if isinstance(error, Unreachable) else Exit.FAILURE,
            next_step="velocity-local start",
        ) from error
    finally:
        out.end_progress()
    assert ended is not None, "it waits without a limit"
    return ended
