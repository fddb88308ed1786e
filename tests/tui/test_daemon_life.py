"""The real daemon comes, goes and comes again under the running app."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.process.cli.shell import shell_in
from tests.support.daemon import RunningDaemon
from tests.tui.living import over, over_home, until, until_shown
from velocity_local.config.paths import locate
from velocity_tui.app import VelocityApp
from velocity_tui.door import RemoteDaemon
from velocity_tui.session import Session
from velocity_tui.state import Down, Refused, Up

pytestmark = pytest.mark.process


async def test_what_is_loaded_is_shown(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "demo")
        await until(pilot, lambda: app.snapshot.telemetry is not None)
        assert isinstance(app.snapshot.link, Up)
        assert app.snapshot.workers[0].state == "ready"


async def test_a_death_is_told_within_two_seconds(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.snapshot.link, Up))
        daemon.process.kill()
        died_s = time.monotonic()
        await until(pilot, lambda: isinstance(app.snapshot.link, Down))
        assert time.monotonic() - died_s < 2
        await until_shown(pilot, "F9 starts it")


async def test_a_daemon_that_wants_a_token_is_told_apart_from_a_dead_one(
    lasting: RunningDaemon,
) -> None:
    app = VelocityApp(Session(RemoteDaemon(lasting.base_url, "wrong")))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.snapshot.link, Refused))
        await until_shown(pilot, "VELOCITY_API_KEY")
    app = VelocityApp(Session(RemoteDaemon(lasting.base_url, lasting.token)))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.snapshot.link, Up))


async def test_the_daemon_is_started_on_request(tmp_path: Path) -> None:
    with shell_in(tmp_path / "home") as shell:
        environ = {**shell.environ, "VELOCITY_SERVER_PORT": "0"}
        app = over_home(locate(environ), environ)
        async with app.run_test() as pilot:
            await until_shown(pilot, "the daemon does not run")
            await pilot.press("f9")
            await until(pilot, lambda: isinstance(app.snapshot.link, Up))
            await until_shown(pilot, "ready")


async def test_a_new_daemon_is_found_within_two_seconds(tmp_path: Path) -> None:
    with shell_in(tmp_path / "home") as shell:
        environ = {**shell.environ, "VELOCITY_SERVER_PORT": "0"}
        app = over_home(locate(environ), environ)
        async with app.run_test() as pilot:
            for _ in range(3):
                assert shell.run("start", "--port", "0", "--no-wait").status == 0
                began_s = time.monotonic()
                await until(pilot, lambda: isinstance(app.snapshot.link, Up))
                assert time.monotonic() - began_s < 2
                assert app.snapshot.status is not None
                os.kill(app.snapshot.status.pid, signal.SIGKILL)
                await until(pilot, lambda: isinstance(app.snapshot.link, Down))
