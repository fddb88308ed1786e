"""Tokens a second, now and over the last minute, with what runs and waits."""

from textual.content import Content

from velocity_tui.plots import ceiling, columns, stretched
from velocity_tui.state import TREND_SAMPLES, Snapshot
from velocity_tui.widgets.panel import Panel

_LEAST_TOP = 10.0


class Throughput(Panel):
    TITLE = "Tokens per second"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        samples = snapshot.trend.tokens_per_s
        top = ceiling(samples, at_least=_LEAST_TOP)
        head = Content.assemble(
            (f"{snapshot.tokens_per_s:7.1f}", "bold $primary"),
            "  running ",
            (str(snapshot.running), "bold"),
            "  waiting ",
            (str(snapshot.waiting), "bold $warning" if snapshot.waiting else "bold"),
        )
        label = f"{top:g}"
        plot_width = max(0, width - len(label) - 1)
        shown = stretched(samples, TREND_SAMPLES, plot_width)
        lines = columns(shown, plot_width, max(1, height - 1), top=top)
        plot = [
            Content.assemble((line, "$primary"), " ", (label if row == 0 else "", "$muted"))
            for row, line in enumerate(lines)
        ]
        return Content("\n").join([head, *plot])
