"""Two runs side by side: every figure, the change, and how sure it is."""

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from velocity_local.core.printable import printable
from velocity_tui.bench import ComparedFigure, Comparison, KeptRun
from velocity_tui.plots import whisker
from velocity_tui.screens.dialog import Dialog
from velocity_tui.widgets.figures import TITLES, read, within

_STYLES = {"better": "bold $success", "worse": "bold $error"}
_WORDS = {"not distinguishable": "unclear", "too few values to say": "too few"}
_NAME, _FIGURE, _INTERVAL, _CHANGE, _VERDICT = 20, 10, 22, 9, 9
_LEAST_REACH = 0.05
_FEWEST, _MOST = 21, 61


class Compared(Dialog[None]):
    """A change whose interval holds zero is "unclear": it may be chance."""

    def __init__(self, comparison: Comparison, before: KeptRun, after: KeptRun) -> None:
        super().__init__(printable(f"{before.name} {before.id} → {after.name} {after.id}"))
        self.rows = [row for section in comparison.sections for row in section.rows]
        self._notes = [note for section in comparison.sections for note in section.notes]
        self.add_class("-broad")

    def compose_inside(self) -> ComposeResult:
        yield Static("", id="figures", markup=False)
        yield Static("\n".join(printable(note) for note in self._notes), id="notes", markup=False)

    def on_resize(self) -> None:
        figures = self.query_one("#figures", Static)
        self.call_after_refresh(
            lambda: figures.update(table(self.rows, figures.content_size.width))
        )


def table(rows: list[ComparedFigure], width: int) -> Content:
    """A line for each figure; intervals of both sides only where there is room."""
    shown = [row for row in rows if row.quantity.name in TITLES]
    reach = max([_LEAST_REACH, *(abs(value) for row in shown for value in _interval(row))])
    fixed = _NAME + 2 * _FIGURE + _CHANGE + 2 + _VERDICT
    is_wide = width >= fixed + 2 * _INTERVAL + _FEWEST
    room = width - fixed - (2 * _INTERVAL if is_wide else 0)
    plot = min(_MOST, room) if room >= _FEWEST else 0
    head = _head(is_wide=is_wide, plot=plot, reach=reach)
    return Content("\n").join(
        [head, *(_line(row, is_wide=is_wide, plot=plot, reach=reach) for row in shown)]
    )


def _head(*, is_wide: bool, plot: int, reach: float) -> Content:
    side = _FIGURE + (_INTERVAL if is_wide else 0)
    scale = f"-{reach:.0%}".ljust(plot // 2) + "0" + f"+{reach:.0%}".rjust(plot - plot // 2 - 1)
    text = (
        " " * _NAME + "BEFORE".rjust(_FIGURE).ljust(side) + "AFTER".rjust(_FIGURE).ljust(side)
        + "CHANGE".rjust(_CHANGE) + "  " + (scale if plot else "")
    )  # fmt: skip
    return Content.styled(text, "$muted")


def _line(row: ComparedFigure, *, is_wide: bool, plot: int, reach: float) -> Content:
    name = row.quantity.name
    style = _STYLES.get(row.verdict, "$muted")
    parts: list[tuple[str, str]] = [(TITLES[name].ljust(_NAME), "")]
    for side in (row.before, row.after):
        parts.append((read(name, side.value).rjust(_FIGURE), "bold"))
        if is_wide:
            parts.append((f"  {within(name, side)}".ljust(_INTERVAL), "$muted"))
    change = "" if row.change is None else f"{row.change:+.1%}"
    parts += [(change.rjust(_CHANGE), style), ("  ", "")]
    interval = list(_interval(row))
    if plot and interval and row.change is not None:
        parts.append((whisker(interval[0], row.change, interval[1], plot, reach=reach), style))
    elif plot:
        parts.append((" " * plot, ""))
    parts.append((f"  {_WORDS.get(row.verdict, row.verdict)}", style))
    return Content.assemble(*parts)


def _interval(row: ComparedFigure) -> Iterator[float]:
    if row.change_low is not None and row.change_high is not None:
        yield row.change_low
        yield row.change_high
