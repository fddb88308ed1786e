"""Jump mode, and what gets into the clipboard."""

from tests.tui.closed import ClosedDoor
from tests.tui.living import until, until_shown
from tests.tui.snapshots import snapshot
from velocity_local.core.conversations import Conversation, Turn
from velocity_tui.app import VelocityApp
from velocity_tui.messages import SnapshotArrived
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.jump import Jump
from velocity_tui.session import Session
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.turns import Question, Reply

SAID = "**bold** \x1b]52;c;b3duZWQ=\x07"
TALK = Conversation(
    "c",
    head="a",
    turns=(Turn("q", None, "user", "Why?"), Turn("a", "q", "assistant", SAID, note="done")),
)


def app() -> VelocityApp:
    return VelocityApp(Session(ClosedDoor()))


async def test_a_letter_leads_to_its_pane_and_another_key_nowhere() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("alt+2")
        assert isinstance(shown.screen, ChatScreen)
        await shown.screen.open_conversation(TALK)
        question = shown.screen.query_one(Question)
        await until(pilot, lambda: question.region.area > 0)
        await pilot.press("ctrl+g")
        await until_shown(pilot, "A letter goes there")
        assert isinstance(shown.screen, Jump)
        await pilot.press("a")
        await until(pilot, lambda: shown.focused is question)
        await pilot.press("ctrl+g")
        await until_shown(pilot, "A letter goes there")
        await pilot.press("9")
        await until(pilot, lambda: isinstance(shown.screen, ChatScreen))
        assert shown.focused is question


async def test_a_pane_is_copied_as_text_that_commands_no_terminal() -> None:
    shown = app()
    async with shown.run_test() as pilot:
        await pilot.press("alt+2")
        assert isinstance(shown.screen, ChatScreen)
        await shown.screen.open_conversation(TALK)
        shown.screen.query_one(Reply).focus()
        await pilot.press("alt+c")
        assert "**bold** \\x1b]52;c;b3duZWQ=\\x07" in shown.clipboard
        shown.screen.query_one(Draft).write("a draft")
        await pilot.press("alt+c")
        assert shown.clipboard == "a draft"


async def test_a_screen_without_focus_is_copied_whole() -> None:
    shown = app()
    async with shown.run_test(size=(100, 30)) as pilot:
        shown.post_message(SnapshotArrived(snapshot()))
        await pilot.pause()
        shown.set_focus(None)
        await pilot.press("alt+c")
        assert "demo" in shown.clipboard
        assert "127.0.0.1:8621" in shown.clipboard
