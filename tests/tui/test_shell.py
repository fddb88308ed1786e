"""Going about: keys, tabs, palette, themes."""

import pytest

from tests.tui.closed import ClosedDoor
from tests.tui.snapshots import snapshot
from tests.tui.terminal import text
from velocity_tui import themes
from velocity_tui.app import VelocityApp
from velocity_tui.messages import SnapshotArrived
from velocity_tui.places import PLACES
from velocity_tui.session import Session
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.masthead import Tab

SIZES = ((80, 24), (120, 40), (200, 50))


def app() -> VelocityApp:
    return VelocityApp(Session(ClosedDoor()))


async def test_every_screen_has_a_key_and_a_tab() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        for place in PLACES:
            await pilot.press(f"alt+{place.key}")
            assert shown.current_mode == place.mode
            assert len(shown.screen.query(Tab)) == len(PLACES)
        await pilot.click(Tab)
        assert shown.current_mode == PLACES[0].mode


async def test_steps_go_round() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        for place in (*PLACES[1:], PLACES[0]):
            await pilot.press("ctrl+pagedown")
            assert shown.current_mode == place.mode
        await pilot.press("ctrl+pageup")
        assert shown.current_mode == PLACES[-1].mode


async def test_digits_in_a_draft_are_text() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("2", "1", "2", "3")
        assert shown.current_mode == "chat"
        assert shown.screen.query_one(Draft).text == "123"


async def test_a_draft_waits_while_other_screens_are_looked_at() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("2", "h", "i", "ctrl+j", "y", "alt+1", "alt+2")
        assert shown.screen.query_one(Draft).text == "hi\ny"


async def test_the_keys_of_a_screen_are_listed() -> None:
    shown = app()
    async with shown.run_test(size=(120, 40)) as pilot:
        await pilot.press("5", "f1")
        await pilot.pause()
        listed = text(shown)
        assert "Next page" in listed
        await pilot.press("f1")
        assert not shown.screen.query("HelpPanel")


def test_every_key_says_what_it_does() -> None:
    for owner in (VelocityApp, *VelocityApp.MODES.values(), Draft):
        for binding in vars(owner).get("BINDINGS", []):
            assert binding.id, binding
            assert binding.tooltip, binding


@pytest.mark.parametrize(
    ("theme", "size"),
    [*zip((theme.name for theme in themes.THEMES), SIZES, strict=True)],
)
async def test_every_screen_is_drawn_in_every_theme_and_size(
    theme: str, size: tuple[int, int]
) -> None:
    shown = app()
    async with shown.run_test(size=size) as pilot:
        shown.theme = theme
        for place in PLACES:
            shown.post_message(SnapshotArrived(snapshot()))
            await pilot.press(f"alt+{place.key}")
            await pilot.pause()
            lines = text(shown).splitlines()
            assert place.title in lines[0]
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]
