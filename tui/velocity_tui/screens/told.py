"""Shows something once, which is also in the clipboard then."""

from textual.app import ComposeResult
from textual.widgets import Static

from velocity_tui.screens.dialog import Dialog


class Told(Dialog[None]):
    """Ends with Escape."""

    def __init__(self, title: str, text: str, advice: str) -> None:
        super().__init__(title)
        self._text = text
        self._advice = advice

    def compose_inside(self) -> ComposeResult:
        yield Static(self._text, id="told", markup=False)
        yield Static(self._advice, id="notes", markup=False)

    def on_mount(self) -> None:
        self.app.copy_to_clipboard(self._text)
