"""Jump mode: every place that takes the keyboard gets a letter, which leads there."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Key
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

LETTERS = "asdfghjklqwertyuiopzxcvbnm"


class Jump(ModalScreen[Widget | None]):
    """Gives the widget whose letter was typed; any other key leaves."""

    CSS_PATH = "jump.tcss"
    BINDINGS = [  # noqa: RUF012 - Textual's own annotation is not a ClassVar
        Binding("escape", "leave", "Leave", id="jump.leave", tooltip="Stay where you are")
    ]

    def __init__(self, targets: Mapping[str, Widget]) -> None:
        super().__init__()
        self._targets = dict(targets)

    def compose(self) -> ComposeResult:
        for letter, widget in self._targets.items():
            label = Static(f" {letter} ", classes="letter", markup=False)
            label.absolute_offset = Offset(widget.region.x, widget.region.y)
            yield label
        yield Static("A letter goes there, any other key stays.", id="hint", markup=False)

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss(self._targets.get(event.character or ""))

    def action_leave(self) -> None:
        self.dismiss(None)


def targets(widgets: list[Widget]) -> dict[str, Widget]:
    """The widgets that are seen and take the keyboard, by letter, from the top on."""
    seen = [widget for widget in widgets if widget.focusable and widget.region.area > 0]
    ordered = sorted(seen, key=lambda widget: (widget.region.y, widget.region.x))
    return dict(zip(LETTERS, ordered, strict=False))
