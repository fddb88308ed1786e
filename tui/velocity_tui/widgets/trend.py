"""One figure of the runs of one condition over time, with what is not known about it."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from velocity_local.core.printable import printable
from velocity_tui.bench import KeptRun
from velocity_tui.plots import spans
from velocity_tui.widgets.figures import TITLES, read, within

_GAP = 2
_LEAST_PLOT = 6
_ROOMY = 10
_MARGIN = 0.2


class RunTrend(Static):
    """The figures of the run pointed at, and how the chosen one went before it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, markup=False)
        self._run: KeptRun | None = None
        self._alike: tuple[KeptRun, ...] = ()
        self._figure = ""
        self._shown: Content | None = None

    def show(self, run: KeptRun | None, alike: Sequence[KeptRun], figure: str) -> None:
        """`alike` are the runs of the same condition and model, oldest first, `run` among them."""
        self._run, self._alike, self._figure = run, tuple(alike), figure
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.content_size
        if width <= 0 or height <= 0:
            return
        content = Content("") if self._run is None else self._drawn(self._run, width, height)
        if self._shown is None or not content.is_same(self._shown):
            self._shown = content
            self.update(content, layout=False)

    def _drawn(self, run: KeptRun, width: int, height: int) -> Content:
        known = [name for name in TITLES if name in run.figures]
        is_roomy = height >= _ROOMY
        figures = [
            _line(run, name, is_chosen=name == self._figure, is_long=is_roomy) for name in known
        ]
        condition = Content.styled(printable(run.condition), "$muted")
        if not is_roomy:
            return Content("\n").join(_paired(figures, width)[:height])
        plot_height = max(_LEAST_PLOT, height - len(figures) - 2)
        plot = _plot(self._alike, self._figure, width, plot_height)
        lines = [*plot, condition, Content("")]
        return Content("\n").join(line.truncate(width) for line in [*lines, *figures][:height])


def _plot(runs: Sequence[KeptRun], name: str, width: int, height: int) -> list[Content]:
    figures = [run.figures[name] for run in runs if name in run.figures]
    title = Content.assemble(
        (TITLES.get(name, name), "bold"), (f"  {len(figures)} runs of this condition", "$muted")
    )
    if not figures or height < _LEAST_PLOT:
        return [title]
    values = [
        (figure.value if figure.low is None else figure.low, figure.value,
         figure.value if figure.high is None else figure.high)
        for figure in figures
    ]  # fmt: skip
    bottom, top = _edges(values)
    labels = {0: read(name, top), height - 2: read(name, bottom)}
    room = max(1, width - max(map(len, labels.values())) - 1)
    drawn = spans(values, room, height - 1, bottom=bottom, top=top)
    return [
        title,
        *(
            Content.assemble((line, "$primary"), " ", (labels.get(row, ""), "$muted"))
            for row, line in enumerate(drawn)
        ),
    ]


def _edges(values: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """What the plot reaches from and to: all intervals with a margin, and never below zero."""
    lowest, highest = min(low for low, _, _ in values), max(high for _, _, high in values)
    margin = (highest - lowest) * _MARGIN or highest * _MARGIN or 1.0
    return max(0.0, lowest - margin), highest + margin


def _line(run: KeptRun, name: str, *, is_chosen: bool, is_long: bool) -> Content:
    figure = run.figures[name]
    width = max(map(len, TITLES.values())) + _GAP
    return Content.assemble(
        (TITLES[name].ljust(width), "$primary" if is_chosen else "$muted"),
        (read(name, figure.value).rjust(9), "bold"),
        (f"  {within(name, figure)}" if is_long else "", "$muted"),
    )


def _paired(lines: Sequence[Content], width: int) -> list[Content]:
    """Two beside each other where there is not room for all below each other."""
    half = width // 2
    return [
        Content("").join(each.truncate(half).pad_right(half - min(half, each.cell_length))
                         for each in lines[at : at + 2])
        for at in range(0, len(lines), 2)
    ]  # fmt: skip
