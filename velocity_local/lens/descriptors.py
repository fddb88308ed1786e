"""Room for many connections: each is an open file to the system, which allows few by default."""

import importlib
import sys

from velocity_local.lens.errors import BadScenario

SPARE = 128
_MOST_ON_WINDOWS = 500  # select() there takes 512 sockets


def make_room(n_connections: int) -> None:
    """Raise this process's own limit as far as the system lets it.

    Raises:
        BadScenario: if that is not far enough.
    """
    if sys.platform == "win32":
        if n_connections > _MOST_ON_WINDOWS:
            raise BadScenario(f"{n_connections} streams; on Windows {_MOST_ON_WINDOWS} at most")
        return
    resource = importlib.import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = n_connections + SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BadScenario(
            f"{n_connections} streams need {wanted} open files, and this system allows {hard};"
            " raise it with: ulimit -Hn"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
