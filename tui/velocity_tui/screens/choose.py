"""Asks for one of several things by name."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from velocity_local.core.printable import printable
from velocity_tui.screens.dialog import Dialog


class Choose(Dialog[str]):
    """Gives the chosen name; `details` stand beside the names."""

    def __init__(
        self,
        title: str,
        names: Sequence[str],
        *,
        current: str | None = None,
        details: Sequence[str] | None = None,
    ) -> None:
        super().__init__(title)
        self._names = list(names)
        self._current = current
        self._details = list(details or [""] * len(names))

    def compose_inside(self) -> ComposeResult:
        width = max(len(printable(name)) for name in self._names) + 2
        yield OptionList(
            *(
                Option(
                    Content.assemble(printable(name).ljust(width), (detail, "$muted")),
                )
                for name, detail in zip(self._names, self._details, strict=True)
            )
        )

    def on_mount(self) -> None:
        if self._current in self._names:
            self.query_one(OptionList).highlighted = self._names.index(self._current)

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(self._names[message.option_index])
