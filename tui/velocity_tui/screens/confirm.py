"""Asks before something is done that cannot be taken back."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Static

from velocity_local.core.printable import printable
from velocity_tui.screens.dialog import Dialog


class Confirm(Dialog[bool]):
    """Gives True if it is to be done; `what` says what that means."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "accept", "Do it", id="confirm.accept", tooltip="It cannot be taken back")
    ]

    def __init__(self, title: str, what: str) -> None:
        super().__init__(title)
        self._what = what

    def compose_inside(self) -> ComposeResult:
        yield Static(Content(printable(self._what)), id="what")
        yield Button("Yes, do it  Y", id="accept", compact=True)

    def on_mount(self) -> None:
        """Enter alone does nothing."""
        self.set_focus(None)

    def on_button_pressed(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        self.dismiss(result=True)
