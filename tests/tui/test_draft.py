"""A draft keeps the order of keys, however fast they come."""

from textual import events
from textual.app import App, ComposeResult

from velocity_tui.widgets.draft import Draft


class Writing(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        yield Draft()

    def on_draft_submitted(self, message: Draft.Submitted) -> None:
        self.sent.append(message.text)
        self.query_one(Draft).take(message.text)

    def type(self, keys: str) -> None:
        """All at once, as a terminal under load hands them over."""
        for key in keys:
            name = "enter" if key == "\n" else key
            self.post_message(events.Key(name, "\r" if key == "\n" else key))


async def test_enter_sends_what_was_typed_before_it_and_what_comes_after_stays() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.query_one(Draft).focus()
        await pilot.pause()
        app.type("hello\nand so on")
        await pilot.pause()
        assert app.sent == ["hello"]
        assert app.query_one(Draft).text == "and so on"


async def test_nothing_is_not_sent() -> None:
    app = Writing()
    async with app.run_test() as pilot:
        app.query_one(Draft).focus()
        await pilot.pause()
        app.type("\n")
        await pilot.press("ctrl+j", "enter")
        assert app.sent == []
        assert app.query_one(Draft).text == "\n"
