"""Asks for one line of text."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from velocity_local.core.printable import printable
from velocity_tui.screens.dialog import Dialog

Check = Callable[[str], str]


def _fine(_: str) -> str:
    return ""


class AskText(Dialog[str]):
    """Gives what was typed; `check` says what is wrong with it, while it is typed."""

    def __init__(
        self, title: str, *, value: str = "", placeholder: str = "", check: Check = _fine
    ) -> None:
        super().__init__(title)
        self._value = value
        self._placeholder = placeholder
        self._check = check

    def compose_inside(self) -> ComposeResult:
        yield Input(self._value, placeholder=self._placeholder, compact=True)
        yield Static("", id="wrong", markup=False)

    def on_input_changed(self, message: Input.Changed) -> None:
        wrong = self._check(message.value) if message.value else ""
        self.query_one("#wrong", Static).update(Content(printable(wrong)))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        given = message.value.strip()
        if given and not self._check(given):
            self.dismiss(given)
