"""The form of a measurement, checked while it is filled in."""

from collections.abc import Callable, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Select, Static

from velocity_tui import numbers
from velocity_tui.bench import CACHE_STATES, Plan
from velocity_tui.numbers import LARGEST, Number
from velocity_tui.screens.dialog import Dialog

_STREAMS, _RATE = "streams at once", "requests a second"
_NUMBERS: dict[str, tuple[Callable[[str], Number], float, float]] = {
    "amount": (float, 0.01, 10_000),
    "requests": (int, 1, LARGEST),
    "prompt_tokens": (int, 1, LARGEST),
    "output_tokens": (int, 1, LARGEST),
}
_WORDS = {
    "amount": "so many",
    "requests": "requests",
    "prompt_tokens": "prompt tokens",
    "output_tokens": "answer tokens",
}


class PlanRun(Dialog[Plan]):
    """Gives what is to be measured; `models` are those that can be asked."""

    BINDINGS = [  # noqa: RUF012 - Textual's own annotation is not a ClassVar
        Binding("ctrl+s", "accept", "Start", id="plan.accept", tooltip="Measure this")
    ]

    def __init__(self, models: Sequence[str], last: Plan) -> None:
        super().__init__("New run")
        self._models = list(models)
        self._last = last

    def compose_inside(self) -> ComposeResult:
        last = self._last
        rate = last.rate_per_s
        model = last.model if last.model in self._models else self._models[0]
        yield from _field("model", _select("model", self._models, model))
        load = _select("load", (_STREAMS, _RATE), _STREAMS if rate is None else _RATE)
        yield from _field("load", load)
        values = {
            "amount": f"{last.streams if rate is None else rate:g}",
            "requests": str(last.requests),
            "prompt_tokens": str(last.prompt_tokens),
            "output_tokens": str(last.output_tokens),
        }
        for name, value in values.items():
            yield from _field(_WORDS[name], Input(value, id=name, compact=True))
        yield from _field("cache", _select("cache", CACHE_STATES, last.cache))
        yield from _field("name", Input(last.name, id="name", compact=True))
        yield Static("", id="wrong", markup=False)
        yield Button("Start  Ctrl+S", id="accept", compact=True)

    def on_input_changed(self) -> None:
        self._tell()

    def on_select_changed(self) -> None:
        self._tell()

    def on_input_submitted(self) -> None:
        self.action_accept()

    def on_button_pressed(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        plan = self._tell()
        if plan is not None:
            self.dismiss(plan)

    def _tell(self) -> Plan | None:
        """What the fields say; None and a word about it if it cannot be."""
        try:
            plan, wrong = self._read(), ""
        except ValueError as error:
            plan, wrong = None, str(error)
        self.query_one("#wrong", Static).update(wrong)
        return plan

    def _read(self) -> Plan:
        given = {
            name: numbers.read(_WORDS[name], self.query_one(f"#{name}", Input).value, *bounds)
            for name, bounds in _NUMBERS.items()
        }
        amount = float(given.pop("amount"))
        is_rate = self._chosen("load") == _RATE
        if not is_rate and amount != int(amount):
            raise ValueError("streams must be a whole number")
        counts = {name: int(value) for name, value in given.items()}
        return Plan(
            model=self._chosen("model"),
            streams=None if is_rate else int(amount),
            rate_per_s=amount if is_rate else None,
            cache=next(state for state in CACHE_STATES if state == self._chosen("cache")),
            name=self.query_one("#name", Input).value.strip() or "run",
            **counts,
        )

    def _chosen(self, which: str) -> str:
        found: Select[str] = self.query_one(f"#{which}", Select)
        return str(found.value)


def _select(name: str, values: Sequence[str], value: str) -> Select[str]:
    choices = [(each, each) for each in values]
    return Select(choices, value=value, allow_blank=False, id=name, compact=True)


def _field(label: str, widget: Any) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Label(label)
        yield widget
