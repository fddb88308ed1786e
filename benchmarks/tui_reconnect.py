"""How soon the terminal UI sees that its daemon died, and that there is one again.

python -m benchmarks.tui_reconnect [--kills 20]      prints one JSON document

Every daemon is killed with SIGKILL while the UI looks on, and another is started beside it. `seen`
is the time from the kill until the UI says so, `back` from the new one's first answer until the UI
has reconnected.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.processes import new_home, velocity_at, velocity_environment
from benchmarks.spread import spread
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import locate
from velocity_tui.app import VelocityApp
from velocity_tui.door import OwnDaemon
from velocity_tui.session import Session
from velocity_tui.state import Down, Up

LOOK_S = 0.002


async def measure(home: Path, n_kills: int) -> dict[str, dict[str, float]]:
    environ = velocity_environment(home)
    app = VelocityApp(Session(OwnDaemon(LocalDaemon(locate(environ)), environ)))
    seen_ms, back_ms = [], []
    async with app.run_test(), AsyncExitStack() as daemons:
        for _ in range(n_kills):
            opened = velocity_at(home, has_model=False)
            server = await asyncio.to_thread(opened.__enter__)  # returns once it has answered
            daemons.callback(opened.__exit__, None, None, None)
            back_ms.append(await _until(lambda: isinstance(app.snapshot.link, Up)))
            os.kill(server.pid, signal.SIGKILL)
            seen_ms.append(await _until(lambda: isinstance(app.snapshot.link, Down)))
    return {"seen": spread(seen_ms), "back": spread(back_ms)}


async def _until(is_so: Callable[[], bool]) -> float:
    """Milliseconds until it is so."""
    begun_s = time.monotonic()
    while not is_so():  # noqa: ASYNC110 - the app has no event for it
        await asyncio.sleep(LOOK_S)
    return (time.monotonic() - begun_s) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    given = parser.parse_args()
    with new_home() as home:
        print(json.dumps(asyncio.run(measure(home, given.kills)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
