"""The models in memory and what they are doing."""

from collections.abc import Sequence

from textual.content import Content

from velocity_local.core.units import count, size
from velocity_local.wire.http.admin import WorkerItem
from velocity_tui.plots import meter
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.grid import Cell, grid
from velocity_tui.widgets.panel import Panel

STATE_STYLES = {
    "ready": "$success",
    "loading": "$warning",
    "unloading": "$warning",
    "failed": "bold $error",
    "unloaded": "$muted",
}
_HEADERS = ("MODEL", "STATE", "KV CACHE", "RUN", "WAIT", "STEP", "MEMORY", "RESTARTS")
_FIXED = (0, 9, 18, 3, 4, 8, 8, 8)
_METER = 8
_LAYOUTS = (_FIXED, (*_FIXED[:5], 0, 8, 0), (0, 9, 0, 3, 4, 0, 8, 0), (0, 9, 0, 3, 4, 0, 0, 0))
"""Widths of the columns, from the roomiest; 0 leaves one out, the first takes what is left."""
_LEAST_NAME = 12


class Workers(Panel):
    TITLE = "Models in memory"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        if not snapshot.workers:
            told = "No model is in memory. One is loaded when it is first asked."
            return Content.styled(told if isinstance(snapshot.link, Up) else "", "$muted")
        fixed = next(
            (each for each in _LAYOUTS if width >= sum(each) + _gaps(each) + _LEAST_NAME),
            _LAYOUTS[-1],
        )
        widths = (max(_LEAST_NAME, width - sum(fixed) - _gaps(fixed)), *fixed[1:])
        return grid(_HEADERS, [_row(worker) for worker in snapshot.workers], widths, height)


def _gaps(widths: Sequence[int]) -> int:
    return 2 * sum(width > 0 for width in widths)


def _row(worker: WorkerItem) -> list[Cell]:
    waiting = worker.waiting + worker.pending
    return [
        (worker.model, "bold"),
        (worker.state, STATE_STYLES.get(worker.state, "")),
        (_cache(worker), "$secondary"),
        (str(worker.running), ""),
        (str(waiting), "$warning" if waiting else ""),
        (f"{worker.step_ms:.1f} ms" if worker.running else "", ""),
        ("" if worker.rss_bytes is None else size(worker.rss_bytes), ""),
        (str(worker.restarts or ""), "$warning"),
    ]


def _cache(worker: WorkerItem) -> str:
    if not worker.cells:
        return ""
    return f"{meter(worker.used_cells / worker.cells, _METER)} {count(worker.used_cells):>6}"
