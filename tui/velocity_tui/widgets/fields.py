"""Names and values below each other."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from velocity_local.core.printable import printable


class Fields(VerticalScroll, can_focus=True):
    """Shows what has a value; text may be anybody's."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.border_title = title
        self._pairs: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, pairs: Mapping[str, str]) -> None:
        given = {name: value for name, value in pairs.items() if value}
        if given == self._pairs:
            return
        self._pairs = given
        width = max((len(name) for name in given), default=0) + 2
        lines = [
            Content.assemble((name.ljust(width), "$muted"), printable(value))
            for name, value in given.items()
        ]
        self.query_one(Static).update(Content("\n").join(lines))
