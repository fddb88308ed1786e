"""The daemon's and each model's process: processor, memory, and memory on graphics processors."""

from collections.abc import Sequence

from textual.content import Content

from velocity_local.core.units import size
from velocity_local.wire.http.admin import GpuItem
from velocity_local.wire.http.telemetry import ProcessItem
from velocity_tui.state import Snapshot
from velocity_tui.widgets.grid import Cell, grid
from velocity_tui.widgets.panel import Panel

_HEADERS = ("PROCESS", "PID", "CORES", "MEMORY", "ON GPU")
_FIXED = (0, 7, 5, 8, 8)
_ROOMY = 48
_GAPS = 2 * (len(_HEADERS) - 1)


class Processes(Panel):
    TITLE = "Processes"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        now = snapshot.telemetry
        if now is None:
            return Content("")
        has_gpu = bool(now.gpus) and width >= _ROOMY
        fixed = _FIXED if has_gpu else (*_FIXED[:-1], 0)
        gaps = _GAPS if has_gpu else _GAPS - 2
        widths = (max(6, width - sum(fixed) - gaps), *fixed[1:])
        rows = [_row(process, now.gpus) for process in now.processes]
        return grid(_HEADERS, rows, widths, height)


def _row(process: ProcessItem, gpus: Sequence[GpuItem]) -> list[Cell]:
    on_gpu = _on_gpus(process.pid, gpus)
    return [
        (process.model or "daemon", "bold" if process.model else "$primary"),
        (str(process.pid), "$muted"),
        ("" if process.cpu is None else f"{process.cpu:5.2f}", ""),
        ("" if process.rss_bytes is None else size(process.rss_bytes), ""),
        (size(on_gpu) if on_gpu else "", ""),
    ]


def _on_gpus(pid: int, gpus: Sequence[GpuItem]) -> int:
    return sum(
        process.memory_bytes or 0
        for gpu in gpus
        for process in gpu.processes or ()
        if process.pid == pid
    )
