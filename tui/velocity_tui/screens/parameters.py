"""Asks for system prompt and sampling, checked while they are typed."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Static, TextArea

from velocity_local.core.conversations import Parameters
from velocity_local.core.sampling import RANGES
from velocity_tui import numbers
from velocity_tui.numbers import LARGEST, Number
from velocity_tui.screens.dialog import Dialog

_FIELDS: dict[str, tuple[Callable[[str], Number], float, float]] = {
    "temperature": (float, *RANGES["temperature"]),
    "top_p": (float, *RANGES["top_p"]),
    "max_tokens": (int, 1, LARGEST),
    "seed": (int, 0, LARGEST),
}


class EditParameters(Dialog[Parameters]):
    """Gives the parameters; an empty field is left to the daemon's settings."""

    BINDINGS = [  # noqa: RUF012 - Textual's own annotation is not a ClassVar
        Binding("ctrl+s", "accept", "Accept", id="parameters.accept", tooltip="Use these")
    ]

    def __init__(self, current: Parameters) -> None:
        super().__init__("Parameters")
        self._current = current

    def compose_inside(self) -> ComposeResult:
        yield Label("system prompt")
        yield TextArea(self._current.system or "", id="system", compact=True)
        for name in _FIELDS:
            value: Number | None = getattr(self._current, name)
            with Horizontal(classes="field"):
                yield Label(name)
                yield Input(
                    ""
                    if value is None
                    else f"{value:g}"
                    if isinstance(value, float)
                    else str(value),
                    id=name,
                    placeholder="default",
                    compact=True,
                )
        yield Static("", id="wrong", markup=False)
        yield Button("Accept  Ctrl+S", id="accept", compact=True)

    def on_input_changed(self) -> None:
        self._tell(self._problems())

    def on_input_submitted(self) -> None:
        self.action_accept()

    def on_button_pressed(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        problems = self._problems()
        if problems:
            self._tell(problems)
            return
        given = {name: parse(name, self._typed(name)) for name in _FIELDS}
        system = self.query_one("#system", TextArea).text.strip() or None
        self.dismiss(Parameters(system=system, **given))  # type: ignore[arg-type] # by its name

    def _problems(self) -> list[str]:
        return [told for name in _FIELDS if (told := problem(name, self._typed(name)))]

    def _typed(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def _tell(self, problems: list[str]) -> None:
        self.query_one("#wrong", Static).update("\n".join(problems))


def problem(name: str, text: str) -> str:
    """What is wrong with a value; empty if nothing is."""
    try:
        parse(name, text)
    except ValueError as error:
        return str(error)
    return ""


def parse(name: str, text: str) -> Number | None:
    """The number that `text` stands for; None if it is empty.

    Raises:
        ValueError: saying what is expected.
    """
    if not text.strip():
        return None
    return numbers.read(name, text, *_FIELDS[name])
