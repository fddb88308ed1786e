"""Models over the real daemon, and a hub on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from tests.shape.tree import ROOT
from tests.support.daemon import RunningDaemon, running_daemon
from tests.support.hub import LocalHub, local_hub
from tests.tui.living import over, until, until_shown
from tests.tui.terminal import text
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.models import ModelsScreen
from velocity_tui.screens.page import Page

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
        await until(pilot, lambda: state(screen, f"{REPOSITORY}/copy-F16") == "unloaded")
        await until_shown(pilot, "100%")


async def test_a_download_is_cancelled(hubbed: RunningDaemon, hub: LocalHub) -> None:
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
