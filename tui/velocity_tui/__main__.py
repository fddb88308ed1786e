"""Runs the terminal UI; `velocity-local tui` calls `run`."""

import os
import sys
from collections.abc import Mapping, Sequence

from velocity_local.client.daemon import LocalDaemon
from velocity_local.config import paths
from velocity_tui.app import VelocityApp
from velocity_tui.door import Door, OwnDaemon, RemoteDaemon
from velocity_tui.session import Session


def run(environ: Mapping[str, str], *, base_url: str | None, secret: str | None) -> int:
    """Show this user's daemon, or the one at `base_url`; returns the exit status."""
    door: Door
    if base_url is None:
        door = OwnDaemon(LocalDaemon(paths.locate(environ)), environ)
    else:
        door = RemoteDaemon(base_url, secret, environ)
    app = VelocityApp(Session(door), greets=True)
    app.run()
    return app.return_code or 0


def main(environ: Mapping[str, str], arguments: Sequence[str]) -> int:
    """As a program of its own: shows the daemon at an address, if there is one."""
    base_url = arguments[0] if arguments else None
    return run(environ, base_url=base_url, secret=environ.get("VELOCITY_API_KEY"))


if __name__ == "__main__":
    sys.exit(main(os.environ, sys.argv[1:]))  # noqa: TID251 - the start of a process
