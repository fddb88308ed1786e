"""A table whose rows have keys. The cursor stays on its row, and only what differs is drawn.

Every row is one cell in which the columns are aligned: a table of Textual's draws each cell by
itself, which takes 0.1 ms, and a screen of fourteen columns would let a key wait for 50 ms.
"""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.widgets import DataTable

from velocity_local.core.printable import printable
from velocity_tui.widgets.grid import Cell

Line = tuple[str, Sequence[Cell]]
"""A key, and the cells behind it."""
_MUTED = "$muted"
_COLUMN = "line"
_GAP = "  "


class Rows(DataTable[Text]):
    """Shows text that may be anybody's; cells are styled by the names of theme colours."""

    def __init__(self, *headers: str, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, cursor_type="row", cell_padding=1)
        self._headers = headers
        self._lines: list[Line] = []
        self._widths: list[int] = []
        self._styles: dict[str, Style] = {}

    def on_mount(self) -> None:
        self._refill(self._lines)
        self.app.theme_changed_signal.subscribe(self, lambda _: self._colour_anew())

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the row that is pointed at; None if there are no rows."""
        if not self._lines:
            return None
        return self._lines[min(self.cursor_row, len(self._lines) - 1)][0]

    @property
    def texts(self) -> list[list[str]]:
        """What the cells hold, row by row."""
        return [[_shown(text) for text, _ in cells] for _, cells in self._lines]

    def fill(self, lines: Sequence[Line]) -> None:
        """Show these rows. Keys are unique."""
        fresh = list(lines)
        is_same = [key for key, _ in fresh] == [key for key, _ in self._lines]
        if is_same and self._widths_of(fresh) == self._widths:
            self._change(fresh)
        else:
            self._refill(fresh)
        self._lines = fresh

    def _colour_anew(self) -> None:
        self._styles.clear()
        self._refill(self._lines)

    def _change(self, fresh: list[Line]) -> None:
        for (key, cells), (_, shown) in zip(fresh, self._lines, strict=True):
            if cells != shown:
                self.update_cell(key, _COLUMN, self._aligned(cells))

    def _refill(self, lines: list[Line]) -> None:
        pointed_at = self.key_at_cursor
        self._widths = self._widths_of(lines)
        keys = [key for key, _ in lines]
        with self.app.batch_update():
            self.clear(columns=True)
            self.add_column(self._aligned([(header, "") for header in self._headers]), key=_COLUMN)
            for key, cells in lines:
                self.add_row(self._aligned(cells), key=key)
            if pointed_at in keys:
                self.move_cursor(row=keys.index(pointed_at))

    def _widths_of(self, lines: list[Line]) -> list[int]:
        columns = zip(*(cells for _, cells in lines), strict=True)
        held = [max(cell_len(_shown(text)) for text, _ in column) for column in columns]
        return [
            max(cell_len(header), width)
            for header, width in zip(self._headers, held or [0] * len(self._headers), strict=True)
        ]

    def _aligned(self, cells: Sequence[Cell]) -> Text:
        line = Text(no_wrap=True)
        for (text, style), width in zip(cells, self._widths, strict=True):
            line.append(set_cell_size(_shown(text), width), self._style(style))
            line.append(_GAP)
        line.right_crop(len(_GAP))
        return line

    def _style(self, names: str) -> Style:
        """Rich's style for words such as "bold $error"."""
        if names not in self._styles:
            variables = self.app.theme_variables
            words = names.split()
            named = [word[1:] for word in words if word[0] == "$" and word != _MUTED]
            self._styles[names] = Style(
                color=variables.get(named[0]) if named else None,
                bold="bold" in words or None,
                dim=_MUTED in words or None,
            )
        return self._styles[names]


def _shown(text: str) -> str:
    return printable(text).replace("\n", " ")
