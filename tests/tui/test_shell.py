"""Going about: keys, tabs, palette, themes."""

import pytest
from textual.pilot import Pilot

from tests.tui.closed import ClosedDoor
from tests.tui.living import until, until_shown
from tests.tui.snapshots import snapshot
from tests.tui.terminal import text
from velocity_tui import themes
from velocity_tui.app import VelocityApp
from velocity_tui.messages import SnapshotArrived
from velocity_tui.places import PLACES
from velocity_tui.session import Session
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.masthead import Place, Tab

SIZES = ((80, 24), (120, 40), (200, 50))


def app() -> VelocityApp:
    return VelocityApp(Session(ClosedDoor()))


async def is_at(pilot: Pilot[None], place: Place) -> None:
    """A key has led there, as soon as the app comes to it."""
    await until(pilot, lambda: pilot.app.current_mode == place.mode)


async def focused_draft(pilot: Pilot[None]) -> Draft:
    """That of the chat that is shown, once it takes the keys."""
    await until(pilot, lambda: isinstance(pilot.app.focused, Draft))
    assert isinstance(pilot.app.focused, Draft)
    return pilot.app.focused


async def test_every_screen_has_a_key_and_a_tab() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        for place in PLACES:
            await pilot.press(f"alt+{place.key}")
            await is_at(pilot, place)
            await until(pilot, lambda: len(shown.screen.query(Tab)) == len(PLACES))
        await pilot.click(Tab)
        await is_at(pilot, PLACES[0])


async def test_steps_go_round() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        for place in (*PLACES[1:], PLACES[0]):
            await pilot.press("ctrl+pagedown")
            await is_at(pilot, place)
        await pilot.press("ctrl+pageup")
        await is_at(pilot, PLACES[-1])


async def test_digits_in_a_draft_are_text() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("2")
        draft = await focused_draft(pilot)
        await pilot.press("1", "2", "3")
        await until(pilot, lambda: draft.text == "123")
        assert shown.current_mode == "chat"


async def test_a_draft_waits_while_other_screens_are_looked_at() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("2")
        draft = await focused_draft(pilot)
        await pilot.press("h", "i", "ctrl+j", "y")
        await until(pilot, lambda: draft.text == "hi\ny")
        await pilot.press("alt+1")
        await is_at(pilot, PLACES[0])
        await pilot.press("alt+2")
        assert (await focused_draft(pilot)).text == "hi\ny"


async def test_the_keys_of_a_screen_are_listed() -> None:
    shown = app()
    async with shown.run_test(size=(120, 40)) as pilot:
        await pilot.press("5", "f1")
        await until_shown(pilot, "Next page")
        await pilot.press("f1")
        await until(pilot, lambda: not shown.screen.query("HelpPanel"))


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
            await is_at(pilot, place)
            await until_shown(pilot, place.title)
            await pilot.pause()
            lines = text(shown).splitlines()
            assert place.title in lines[0]
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]
