"""History over the real daemon."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.daemon import RunningDaemon, running_daemon
from tests.tui.living import over, until, until_shown
from tests.tui.terminal import text
from velocity_tui.app import VelocityApp
from velocity_tui.screens import history
from velocity_tui.screens.history import HistoryScreen

pytestmark = pytest.mark.process
N_REQUESTS = 5


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    """A daemon with five requests behind it, one of them wrong."""
    with running_daemon(tmp_path_factory.mktemp("used") / "home") as running:
        running.wait_ready()
        ask(running)
        yield running


def ask(daemon: RunningDaemon) -> None:
    for number in range(N_REQUESTS - 1):
        body = {
            "model": "demo",
            "messages": [{"role": "user", "content": "Hello!"}],
            "max_tokens": 2 + number,
        }
        assert daemon.get("/v1/chat/completions", method="POST", body=body)[0] == 200
    refused = {"model": "demo", "messages": [{"role": "user", "content": "Hi " * 9000}]}
    assert daemon.get("/v1/chat/completions", method="POST", body=refused)[0] == 400


async def open_history(pilot: Pilot[None], app: VelocityApp) -> HistoryScreen:
    await pilot.press("5")
    screen = app.screen
    assert isinstance(screen, HistoryScreen)
    await until(pilot, lambda: len(screen.rows) > 0)
    return screen


async def test_requests_are_listed_and_explained(used: RunningDaemon) -> None:
    app = over(used)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_history(pilot, app)
        assert len(screen.rows) == N_REQUESTS
        assert "context" in text(app)
        await pilot.press("down")
        await until_shown(pilot, "■ decode")
        await until_shown(pilot, "/v1/chat/completions")


async def test_only_one_outcome(used: RunningDaemon) -> None:
    app = over(used)
    async with app.run_test() as pilot:
        screen = await open_history(pilot, app)
        await pilot.press("s", "s")
        await until(pilot, lambda: {row.status for row in screen.rows.values()} == {"error"})
        await until_shown(pilot, "only error")


async def test_the_daemon_sorts(used: RunningDaemon) -> None:
    app = over(used)
    async with app.run_test() as pilot:
        screen = await open_history(pilot, app)
        await pilot.press("o", "o", "o")
        await until_shown(pilot, "most tokens first")
        tokens = [row.completion_tokens or 0 for row in screen.rows.values()]
        assert tokens == sorted(tokens, reverse=True)


async def test_pages_lead_there_and_back(
    used: RunningDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_ROWS", 2)
    app = over(used)
    async with app.run_test() as pilot:
        screen = await open_history(pilot, app)
        first = list(screen.rows)
        seen = set(first)
        for n_rows in (2, 1):
            before = set(screen.rows)
            await pilot.press("n")
            await until(pilot, lambda: before.isdisjoint(screen.rows))  # noqa: B023 - now's
            assert len(screen.rows) == n_rows
            seen |= set(screen.rows)
        assert len(seen) == N_REQUESTS
        await pilot.press("n", "b", "b", "b")
        await until(pilot, lambda: list(screen.rows) == first)


async def test_what_is_typed_is_looked_for(used: RunningDaemon) -> None:
    app = over(used)
    async with app.run_test() as pilot:
        screen = await open_history(pilot, app)
        wanted = list(screen.rows)[2]
        await pilot.press("slash")
        screen.query_one("#search", Input).value = wanted
        await until(pilot, lambda: list(screen.rows) == [wanted])


@pytest.mark.parametrize("name", ["kept.csv", "kept.json"])
async def test_what_matches_is_exported(used: RunningDaemon, tmp_path: Path, name: str) -> None:
    app = over(used)
    async with app.run_test() as pilot:
        screen = await open_history(pilot, app)
        await pilot.press("s")
        await until(pilot, lambda: len(screen.rows) == N_REQUESTS - 1)
        await pilot.press("e")
        await until(pilot, lambda: app.screen is not screen)
        app.screen.query_one(Input).value = str(tmp_path / name)
        await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / name).exists())
    data = (tmp_path / name).read_text()
    rows = (
        list(csv.DictReader(io.StringIO(data)))
        if name.endswith("csv")
        else msgspec.json.decode(data)["requests"]
    )
    assert sorted(row["id"] for row in rows) == sorted(screen.rows)
