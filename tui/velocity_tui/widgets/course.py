"""A run while it goes on, as curves."""

from collections.abc import Sequence
from typing import ClassVar

from textual.content import Content
from textual.widgets import Static

from velocity_tui.bench import Course, Progress
from velocity_tui.plots import ceiling, curves, thinned

_COLOURS = ("$primary", "$accent")
_DOTS_PER_CELL = 2
_LEAST_TOP = 1.0


class CoursePlot(Static):
    """A titled box with a legend and the curves below it."""

    TITLE: ClassVar[str] = ""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, markup=False)
        self.border_title = self.TITLE
        self._course = Course()
        self._shown: Content | None = None

    def show(self, course: Course) -> None:
        self._course = course
        self._redraw()

    def legend(self, course: Course) -> Content:
        """The newest values in words."""
        raise NotImplementedError

    def series(self, course: Course) -> list[Sequence[float | None]]:
        """The values to draw, oldest first."""
        raise NotImplementedError

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        width, height = self.content_size
        if width <= 0 or height <= 1:
            return
        content = self._drawn(width, height)
        if self._shown is None or not content.is_same(self._shown):
            self._shown = content
            self.update(content, layout=False)

    def _drawn(self, width: int, height: int) -> Content:
        course = self._course
        if not course.samples:
            return Content("")
        series = self.series(course)
        known = [value for values in series for value in values if value is not None]
        top = ceiling(known, at_least=_LEAST_TOP)
        label = f"{top:g}"
        room = max(1, width - len(label) - 1)
        drawn = [thinned(values, room * _DOTS_PER_CELL) for values in series]
        lines = [self.legend(course).truncate(width)]
        for number, row in enumerate(curves(drawn, room, height - 1, top=top)):
            parts = [
                (char, "" if owner is None else _COLOURS[owner % len(_COLOURS)])
                for char, owner in row
            ]
            scale = label if number == 0 else "0" if number == height - 2 else ""
            lines.append(Content.assemble(*_joined(parts), " ", (scale, "$muted")))
        return Content("\n").join(lines)


class ThroughputPlot(CoursePlot):
    TITLE = "Tokens per second"

    def legend(self, course: Course) -> Content:
        last = course.samples[-1]
        mean = last.n_output_tokens / last.elapsed_s if last.elapsed_s > 0 else 0.0
        return Content.assemble(
            (f"{_smooth(course.rates)[-1]:.1f}", "bold $primary"), (f"  mean {mean:.1f}", "$muted")
        )

    def series(self, course: Course) -> list[Sequence[float | None]]:
        return [_smooth(course.rates)]


class PercentilePlot(CoursePlot):
    """The median and the 99th percentile of one time, over the latest requests."""

    FIELDS: ClassVar[tuple[str, str]]

    def legend(self, course: Course) -> Content:
        middle, high = (_value(course.samples[-1], field) for field in self.FIELDS)
        return Content.assemble(
            ("p50 ", "$muted"), (_figure(middle), f"bold {_COLOURS[0]}"),
            ("  p99 ", "$muted"), (_figure(high), f"bold {_COLOURS[1]}"),
        )  # fmt: skip

    def series(self, course: Course) -> list[Sequence[float | None]]:
        return [[_value(sample, field) for sample in course.samples] for field in self.FIELDS]


class FirstTokenPlot(PercentilePlot):
    TITLE = "First token, ms"
    FIELDS = ("ttft_p50_ms", "ttft_p99_ms")


class BetweenTokensPlot(PercentilePlot):
    TITLE = "Between tokens, ms"
    FIELDS = ("itl_p50_ms", "itl_p99_ms")


def _value(sample: Progress, field: str) -> float | None:
    value: float | None = getattr(sample, field)
    return value


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _smooth(rates: Sequence[float]) -> list[float]:
    """Means of a second each: tokens of one quarter are few."""
    return [sum(rates[max(0, at - 3) : at + 1]) / min(4, at + 1) for at in range(len(rates))]


def _joined(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Neighbours of one style together."""
    joined: list[tuple[str, str]] = []
    for text, style in parts:
        if joined and joined[-1][1] == style:
            joined[-1] = (joined[-1][0] + text, style)
        else:
            joined.append((text, style))
    return joined
