"""Where cells of earlier prompts are kept: on the device, in memory, on disk."""

from collections.abc import Iterator
from dataclasses import dataclass

from textual.content import Content

from velocity_local.core.units import count, size
from velocity_tui.plots import meter
from velocity_tui.state import Snapshot
from velocity_tui.widgets.panel import Panel

_LABEL = 7
_FIGURE = 20
_GAP = "   "


@dataclass(frozen=True, slots=True)
class _Level:
    name: str
    share: float
    figure: str


class Tiers(Panel):
    TITLE = "Prompts kept"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        levels = list(_levels(snapshot))
        if not levels:
            return Content("")
        if height < len(levels):
            each = (width - len(_GAP) * (len(levels) - 1)) // len(levels)
            return Content(_GAP).join(_short(level, each) for level in levels)
        return Content("\n").join(_long(level, width) for level in levels)


def _levels(snapshot: Snapshot) -> Iterator[_Level]:
    kept = snapshot.kept
    if kept is None:
        return
    cells = sum(worker.cells for worker in snapshot.workers)
    used = sum(worker.used_cells for worker in snapshot.workers)
    yield _Level("device", used / cells if cells else 0.0, f"{count(used)} of {count(cells)}")
    limit = sum(item.ram_limit_bytes for item in kept.items)
    ram = sum(item.ram_used_bytes for item in kept.items)
    yield _Level("memory", ram / limit if limit else 0.0, _of(ram, limit))
    most = kept.disk_limit_bytes
    yield _Level("disk", kept.disk_bytes / most if most else 0.0, _of(kept.disk_bytes, most))


def _of(used_bytes: int, limit_bytes: int) -> str:
    return f"{size(used_bytes)} of {size(limit_bytes)}" if limit_bytes else "off"


def _long(level: _Level, width: int) -> Content:
    bar = meter(level.share, max(1, width - _LABEL - _FIGURE - 1))
    return Content.assemble(
        (level.name.ljust(_LABEL), "$muted"),
        (bar, "$secondary on $surface"),
        f" {level.figure[:_FIGURE]}",
    )


def _short(level: _Level, width: int) -> Content:
    """Without a bar."""
    line = Content.assemble((f"{level.name} ", "$muted"), level.figure).truncate(width)
    return line.pad_right(max(0, width - line.cell_length))
