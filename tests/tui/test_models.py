"""Models over the real daemon, and a hub on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from tests.shape.tree import ROOT
from tests.support.daemon import RunningDaemon, running_daemon
from tests.support.hub import LocalHub, local_hub
from tests.tui.living import over, until, until_shown
from tests.tui.terminal import text
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.models import ModelsScreen
from velocity_tui.screens.page import Page
from velocity_tui.shelf import Remote
from velocity_tui.widgets.rows import Rows

pytestmark = pytest.mark.process
REPOSITORY = "owner/demo-GGUF"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as running:
        demo = (ROOT / "models" / "demo" / "velocity-demo-f16.gguf").read_bytes()
        running.put(REPOSITORY, **{"copy-F16.gguf": demo, "copy-Q8_0.gguf": b"no model"})
        yield running


@pytest.fixture
def hubbed(tmp_path: Path, hub: LocalHub) -> Iterator[RunningDaemon]:
    """A daemon that knows the hub and has loaded nothing."""
    with running_daemon(
        tmp_path / "home", "--set", "fleet.preload=", environment={"HF_ENDPOINT": hub.url}
    ) as running:
        yield running


def state(screen: Page, model: str) -> str:
    assert isinstance(screen, ModelsScreen)
    found = screen.models.get(model)
    return "" if found is None else found.state


async def test_a_model_is_loaded_and_unloaded(hubbed: RunningDaemon) -> None:
    app = over(hubbed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: state(screen, "demo") == "unloaded")
        await pilot.press("l")
        await until(pilot, lambda: state(screen, "demo") == "ready")
        assert "KV cache" in text(app)
        await pilot.press("u")
        await until(pilot, lambda: state(screen, "demo") == "unloaded")


async def test_the_model_pointed_at_is_talked_to(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test() as pilot:
        await pilot.press("3")
        await until_shown(pilot, "demo")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen))
        assert isinstance(app.screen, ChatScreen)
        assert app.screen.sides.first.model == "demo"


async def test_one_of_several_is_chosen_pulled_and_listed(hubbed: RunningDaemon) -> None:
    app = over(hubbed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until_shown(pilot, "demo")
        await pilot.press("p")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = REPOSITORY
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.screen.query(OptionList)))
        await until_shown(pilot, "fits")
        choices = app.screen.query_one(OptionList)
        shown = [str(choices.get_option_at_index(n).prompt) for n in range(2)]
        choices.highlighted = next(n for n, each in enumerate(shown) if "F16" in each)
        await pilot.press("enter")
        pulled = f"{REPOSITORY}/copy-F16"
        await until(pilot, lambda: state(screen, pulled) == "unloaded")
        await until_shown(pilot, "100%")
        await point_at(pilot, screen, pulled)
        await until_shown(pilot, "fits")
        await name_it(pilot, screen, "mine")
        assert [(alias.name, alias.model) for alias in screen.aliases] == [("mine", pulled)]
        await until_shown(pilot, "also called")
        await pilot.press("k")
        await until(pilot, lambda: screen.models[pulled].is_pinned)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape", "d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: pulled not in screen.models)


async def point_at(pilot: Pilot[None], screen: ModelsScreen, key: str) -> None:
    screen.query_one("#models", Rows).move_cursor(row=list(screen.entries).index(key))
    await pilot.pause()


async def name_it(pilot: Pilot[None], screen: ModelsScreen, name: str) -> None:
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, AskText))
    pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")
    await until(pilot, lambda: bool(screen.aliases))


async def test_what_could_be_fetched_stands_below_what_is_here(hubbed: RunningDaemon) -> None:
    app = over(hubbed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: any(isinstance(e, Remote) for e in screen.entries.values()))
        assert next(iter(screen.entries)) == "demo"
        await until_shown(pilot, "catalogue")
        remote = next(each for each in screen.entries.values() if isinstance(each, Remote))
        await point_at(pilot, screen, remote.key)
        await until_shown(pilot, remote.found.repository)
        await pilot.press("slash", *"demo")
        await until(pilot, lambda: list(screen.entries)[:1] == ["demo"])
        await until(pilot, lambda: not any(e.key == remote.key for e in screen.entries.values()))


async def test_a_download_is_paused_resumed_and_cancelled(
    hubbed: RunningDaemon, hub: LocalHub
) -> None:
    hub.faults.hold_after = 1024 * 1024
    app = over(hubbed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until_shown(pilot, "demo")
        await pilot.press("p")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = f"{REPOSITORY}:F16"
        await pilot.press("enter")
        await until(pilot, lambda: any(each.done_bytes for each in screen.downloads))
        await pilot.press("space")
        hub.released.set()
        await until(pilot, lambda: [each.state for each in screen.downloads] == ["paused"])
        hub.faults.hold_after = screen.downloads[0].done_bytes + 1024 * 1024
        hub.released.clear()
        await pilot.press("space")
        await until(pilot, lambda: screen.downloads[0].state in {"verifying", "running"})
        await pilot.press("x")
        hub.released.set()
        await until(pilot, lambda: [each.state for each in screen.downloads] == ["cancelled"])


async def test_a_download_begun_elsewhere_is_shown(hubbed: RunningDaemon, hub: LocalHub) -> None:
    status, _ = hubbed.get("/api/v1/downloads", method="POST", body={"model": f"{REPOSITORY}:F16"})
    assert status == 202
    app = over(hubbed)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, f"{REPOSITORY}/copy-F16")
        await until_shown(pilot, "100%")


async def test_a_wrong_name_is_told(hubbed: RunningDaemon) -> None:
    app = over(hubbed)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "demo")
        await pilot.press("p")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = "owner/nothing"
        await pilot.press("enter")
        await until_shown(pilot, "owner/nothing")
