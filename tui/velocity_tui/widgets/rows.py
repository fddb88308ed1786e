"""A table whose rows have keys. The cursor stays on its row, and only what differs is drawn."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import DataTable

from velocity_local.core.printable import printable
from velocity_tui.widgets.grid import Cell

Line = tuple[str, Sequence[Cell]]
"""A key, and the cells behind it."""
_MUTED = "$muted"


class Rows(DataTable[Text]):
    """Shows text that may be anybody's; cells are styled by the names of theme colours."""

    def __init__(self, *headers: str, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, cursor_type="row", cell_padding=1)
        self._headers = headers
        self._lines: list[Line] = []

    def on_mount(self) -> None:
        for header in self._headers:
            self.add_column(header, key=header)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._refill(self._lines))

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the row that is pointed at; None if there are no rows."""
        if not self._lines:
            return None
        return self._lines[min(self.cursor_row, len(self._lines) - 1)][0]

    def fill(self, lines: Sequence[Line]) -> None:
        """Show these rows. Keys are unique."""
        fresh = list(lines)
        if [key for key, _ in fresh] == [key for key, _ in self._lines]:
            self._change(fresh)
        else:
            self._refill(fresh)
        self._lines = fresh

    def _change(self, fresh: list[Line]) -> None:
        for (key, cells), (_, shown) in zip(fresh, self._lines, strict=True):
            for header, cell, before in zip(self._headers, cells, shown, strict=True):
                if cell != before:
                    self.update_cell(key, header, self._text(cell), update_width=True)

    def _refill(self, lines: list[Line]) -> None:
        pointed_at = self.key_at_cursor
        self.clear()
        for key, cells in lines:
            self.add_row(*map(self._text, cells), key=key)
        keys = [key for key, _ in lines]
        if pointed_at in keys:
            self.move_cursor(row=keys.index(pointed_at))

    def _text(self, cell: Cell) -> Text:
        text, style = cell
        return Text(printable(text).replace("\n", " "), style=self._style(style), no_wrap=True)

    def _style(self, names: str) -> Style:
        """Rich's style for words such as "bold $error"."""
        variables = self.app.theme_variables
        words = names.split()
        colours = [variables.get(word[1:]) for word in words if word[0] == "$" and word != _MUTED]
        return Style(
            color=next(iter(colours), None),
            bold="bold" in words or None,
            dim=_MUTED in words or None,
        )
