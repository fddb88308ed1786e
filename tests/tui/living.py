"""The app over a real daemon, and waiting for what it shows."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from tests.support.daemon import RunningDaemon
from tests.tui.terminal import text
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import Paths
from velocity_tui.app import VelocityApp
from velocity_tui.door import OwnDaemon
from velocity_tui.session import Session

TIMEOUT_S = 30.0


def over(daemon: RunningDaemon) -> VelocityApp:
    return over_home(daemon.paths, {**os.environ, "VELOCITY_HOME": str(daemon.home)})


def session_of(daemon: RunningDaemon) -> Session:
    return Session(OwnDaemon(LocalDaemon(daemon.paths), {}))


def over_home(paths: Paths, environ: dict[str, str]) -> VelocityApp:
    return VelocityApp(Session(OwnDaemon(LocalDaemon(paths), environ)))


async def until(
    pilot: Pilot[Any], is_so: Callable[[], bool], *, within_s: float = TIMEOUT_S
) -> None:
    """Let the app go on until `is_so`."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, text(pilot.app)
        await asyncio.sleep(0.01)


async def until_shown(pilot: Pilot[Any], piece: str) -> None:
    await until(pilot, lambda: piece in text(pilot.app))
