"""Where a message is written. Enter sends it; it stays until somebody took it."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key
from textual.message import Message
from textual.widgets import TextArea


class Draft(TextArea):
    """Grows with its text up to a third of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "submit",
            "Send",
            id="draft.send",
            tooltip="Send the message",
        ),
        Binding(
            "ctrl+j,shift+enter,alt+enter",
            "newline",
            "New line",
            key_display="^j",
            id="draft.newline",
            tooltip="Begin a new line",
        ),
    ]

    class Submitted(Message):
        """Somebody wants `text` to be sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self) -> None:
        super().__init__(
            id="draft",
            compact=True,
            highlight_cursor_line=False,
            placeholder="Ask something. Enter sends, Ctrl+J begins a new line.",
        )

    async def _on_key(self, event: Key) -> None:
        """A binding with priority would overtake the letters that wait before it."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_submit()
        else:
            await super()._on_key(event)

    def take(self, text: str) -> None:
        """Somebody took this message; what was written since then stays."""
        written = self.text.lstrip()
        if written.startswith(text):
            self.text = written[len(text) :].lstrip()
            self.move_cursor(self.document.end)

    def action_submit(self) -> None:
        if self.text.strip():
            self.post_message(self.Submitted(self.text.strip()))

    def action_newline(self) -> None:
        self.insert("\n")

    def write(self, text: str) -> None:
        """Put `text` there, with the cursor behind it."""
        self.text = text
        self.move_cursor(self.document.end)
        self.focus()
