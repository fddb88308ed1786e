"""Where a request's time went, as one bar."""

import itertools
from collections.abc import Iterator

from textual.content import Content
from textual.widgets import Static

from velocity_local.core.history import RequestRow
from velocity_local.core.units import milliseconds

_PHASES = (
    ("queue", "queue_ms", "$warning"),
    ("load", "load_ms", "$secondary"),
    ("prefill", "prefill_ms", "$accent"),
    ("decode", "decode_ms", "$success"),
)
_REST = ("other", "$muted")


class Timeline(Static):
    """The bar of one request, as wide as there is room."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, markup=False)
        self._row: RequestRow | None = None

    def show(self, row: RequestRow | None) -> None:
        if row != self._row:
            self._row = row
            self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        self.update("" if self._row is None else timeline(self._row, self.content_size.width))


def timeline(row: RequestRow, width: int) -> Content:
    """The bar, and below it what its parts are; empty for a request without a total."""
    phases = [phase for phase in _phases(row) if phase[1] > 0]
    total_ms = sum(spent_ms for _, spent_ms, _ in phases)
    if total_ms <= 0 or width <= 0:
        return Content("")
    cells = _shares([spent_ms for _, spent_ms, _ in phases], width)
    bar = [("█" * n, style) for n, (_, _, style) in zip(cells, phases, strict=True)]
    return Content("\n").join([Content.assemble(*bar), *_legend(phases, width)])


def _legend(phases: list[tuple[str, float, str]], width: int) -> list[Content]:
    """The names and times of the parts, as many on a line as fit."""
    lines: list[list[Content]] = [[]]
    for name, spent_ms, style in phases:
        item = Content.assemble(("■ ", style), f"{name} {milliseconds(spent_ms)}   ")
        if lines[-1] and sum(each.cell_length for each in [*lines[-1], item]) > width + 3:
            lines.append([])
        lines[-1].append(item)
    return [Content("").join(line) for line in lines]


def _phases(row: RequestRow) -> Iterator[tuple[str, float, str]]:
    known_ms = 0.0
    for name, field, style in _PHASES:
        spent_ms = float(getattr(row, field) or 0.0)
        known_ms += spent_ms
        yield name, spent_ms, style
    name, style = _REST
    yield name, max(0.0, (row.total_ms or 0.0) - known_ms), style


def _shares(values: list[float], width: int) -> list[int]:
    """`width` cells in the proportion of the values: the ends of the parts are rounded."""
    total, ends, so_far = sum(values), [0], 0.0
    for value in values:
        so_far += value
        ends.append(round(so_far / total * width))
    return [end - begin for begin, end in itertools.pairwise(ends)]
