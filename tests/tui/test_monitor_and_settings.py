"""Logs and settings over the real daemon."""

import os
import signal
import tomllib

import pytest
from textual.widgets import Input

from tests.support.daemon import RunningDaemon
from tests.tui.living import over, until, until_shown
from tests.tui.terminal import text
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.monitor import MonitorScreen
from velocity_tui.screens.settings import SettingsScreen
from velocity_tui.screens.told import Told
from velocity_tui.widgets.rows import Rows

pytestmark = pytest.mark.process


async def test_new_lines_of_the_log_are_shown_once(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("6")
        screen = app.screen
        assert isinstance(screen, MonitorScreen)
        await until(pilot, lambda: len(screen.lines) > 0)
        n_before = len(screen.lines)
        os.kill(daemon.worker_pids()[0], signal.SIGKILL)
        await until(pilot, lambda: len(screen.lines) > n_before)
        assert len(set(screen.lines)) == len(screen.lines)


async def test_only_severe_lines_and_a_workers_log(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("6")
        screen = app.screen
        assert isinstance(screen, MonitorScreen)
        await until(pilot, lambda: len(screen.lines) > 0)
        await pilot.press("v", "v", "v")
        await until_shown(pilot, "error and worse")
        await pilot.press("m")
        await until_shown(pilot, "Log of demo")
        assert screen.source == "demo"


async def test_a_setting_is_checked_while_typed_and_written(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: "server.port" in screen.settings)
        assert screen.settings["server.port"].origin == "flag"
        table = screen.query_one(Rows)
        table.move_cursor(row=list(screen.settings).index("logs.level"))
        table.focus()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is not screen)
        typed = app.screen.query_one(Input)
        typed.value = "loud"
        await until_shown(pilot, "it must be one of debug")
        await pilot.press("enter")
        assert app.screen is not screen
        typed.value = "debug"
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen)
        file = daemon.paths.config_file
        await until(pilot, file.exists)
        assert tomllib.loads(file.read_text())["logs"]["level"] == "debug"


async def test_settings_are_found_by_name(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: bool(screen.settings))
        await pilot.press("slash", *"kv_type")
        await until(pilot, lambda: screen.query_one(Rows).row_count == 1)
        assert "engine.kv_type" in text(app)


async def test_a_key_is_made_shown_once_and_revoked(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: bool(screen.settings))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        app.screen.query_one(Input).value = "laptop"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Told))
        await until(pilot, lambda: list(screen.keys) == ["laptop"])
        assert app.clipboard.endswith(screen.keys["laptop"].last4)
        await until_shown(pilot, app.clipboard[:12])
        await pilot.press("escape", "r")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: screen.keys == {})
