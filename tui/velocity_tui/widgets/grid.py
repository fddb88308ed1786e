"""Rows of text in aligned columns, for displays that are drawn as a whole."""

from collections.abc import Sequence

from rich.cells import set_cell_size
from textual.content import Content

from velocity_local.core.printable import printable

_GAP = 2

Cell = tuple[str, str]
"""Text and its style."""


def grid(
    headers: Sequence[str], rows: Sequence[Sequence[Cell]], widths: Sequence[int], height: int
) -> Content:
    """A header line and the rows that fit. The text may be anybody's: it is made safe to show."""
    lines = [_row([(header, "$muted") for header in headers], widths)]
    lines += [_row(row, widths) for row in rows[: max(0, height - 1)]]
    return Content("\n").join(lines)


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> Content:
    parts: list[Content] = []
    for (text, style), width in zip(cells, widths, strict=True):
        if width <= 0:
            continue
        shown = _fitted(printable(text).replace("\n", " "), width)
        parts += [Content.styled(shown, style), Content(" " * _GAP)]
    return Content("").join(parts[:-1])


def _fitted(text: str, width: int) -> str:
    """Exactly `width` cells; an ellipsis stands for what is cut off."""
    fitted = set_cell_size(text, width)
    return fitted if fitted.rstrip() == text.rstrip() else set_cell_size(text, width - 1) + "…"
