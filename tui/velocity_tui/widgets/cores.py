"""Each logical core's use."""

from textual.content import Content

from velocity_local.core.printable import printable
from velocity_tui.plots import columns, meter
from velocity_tui.state import Snapshot
from velocity_tui.widgets.panel import Panel

_ROOMY = 24
_LABEL = 4


class Cores(Panel):
    """A bar for each core where there is room, else one column for each."""

    TITLE = "Cores"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        now = snapshot.telemetry
        if now is None:
            return Content("")
        uses = now.cpu.use
        name = Content.styled(printable(now.cpu.name), "$muted").truncate(width)
        rest = height - 1
        if len(uses) <= rest:
            bars = [_bar(number, use, width) for number, use in enumerate(uses)]
            return Content("\n").join([name, *bars])
        lines = columns(uses, min(width, len(uses)), max(1, rest), top=1.0)
        return Content("\n").join([name, *(Content.styled(line, "$success") for line in lines)])


def _bar(number: int, use: float, width: int) -> Content:
    bar = meter(use, max(1, width - _LABEL - 5))
    return Content.assemble(
        (f"{number:<{_LABEL}}", "$muted"), (bar, "$success on $surface"), f"{use:5.0%}"
    )
