"""The first run over a real daemon, and a hub on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import RunningDaemon, running_daemon
from tests.tui.living import session_of, until, until_shown
from tests.tui.terminal import text
from velocity_tui.app import VelocityApp
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.welcome import Welcome

pytestmark = pytest.mark.process


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunningDaemon]:
    """Never asked anything, and without a network."""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    with running_daemon(tmp_path / "home", environment=nowhere) as running:
        yield running


async def test_the_first_run_proposes_a_model_and_goes_on_without_a_network(
    fresh: RunningDaemon,
) -> None:
    app = VelocityApp(session_of(fresh), greets=True)
    async with app.run_test(size=(100, 36)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Welcome))
        await until_shown(pilot, "Welcome")
        shown = text(app)
        assert "memory" in shown
        assert "demo" in shown.lower()
        if "Fetch it" in shown:  # a machine that nothing fits is told so
            await pilot.press("f")
            await until_shown(pilot, "D goes on with the demo model")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen))
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: screen.sides.first.model == "demo")
