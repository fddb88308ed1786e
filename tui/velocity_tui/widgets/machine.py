"""Gauges of processor, memory and graphics."""

from collections.abc import Iterator
from dataclasses import dataclass

from textual.content import Content

from velocity_local.core.printable import printable
from velocity_local.core.units import size
from velocity_local.wire.http.admin import GpuItem, SystemAnswer
from velocity_tui.plots import columns, meter
from velocity_tui.state import Snapshot, cpu_use, memory_use
from velocity_tui.widgets.panel import Panel

_LABEL = 5
_FIGURE = 20
_HIGH = 0.9


@dataclass(frozen=True, slots=True)
class Gauge:
    """A share from 0 to 1 with its name and figure; None where the machine does not tell."""

    label: str
    share: float | None
    figure: str


class Machine(Panel):
    TITLE = "Machine"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        system = snapshot.system
        if system is None:
            return Content("")
        found = list(gauges(system))[:height]
        lines = [_line(gauge, width) for gauge in found]
        if len(lines) < height:
            lines += _history(snapshot, width, height - len(lines))
        return Content("\n").join(lines)


def gauges(system: SystemAnswer) -> Iterator[Gauge]:
    """Processor and memory, then two for each GPU; a reason where there is none."""
    load = system.cpu.load_1min
    of_load = "" if load is None else f"  load {load:.1f}"
    yield Gauge("CPU", cpu_use(system), f"{cpu_use(system):4.0%}{of_load}")
    memory = system.memory
    used = memory.total_bytes - memory.available_bytes
    yield Gauge("RAM", memory_use(system), f"{size(used)} of {size(memory.total_bytes)}")
    for gpu in system.gpus:
        yield from _gpu_gauges(gpu)
    if not system.gpus:
        yield Gauge("GPU", None, printable(system.gpu_reason or "none"))


def _gpu_gauges(gpu: GpuItem) -> Iterator[Gauge]:
    details = [
        "" if gpu.use is None else f"{gpu.use:4.0%}",
        "" if gpu.power_w is None else f"{gpu.power_w:.0f} W",
        "" if gpu.temperature_c is None else f"{gpu.temperature_c:.0f} °C",
    ]
    yield Gauge(f"GPU{gpu.index}", gpu.use, " ".join(filter(None, details)))
    total, used = gpu.memory_total_bytes, gpu.memory_used_bytes
    if total and used is not None:
        yield Gauge("VRAM", used / total, f"{size(used)} of {size(total)}")


def _line(gauge: Gauge, width: int) -> Content:
    label = (gauge.label.ljust(_LABEL), "$muted")
    if gauge.share is None:
        room = max(0, width - _LABEL)
        return Content.assemble(label, (Content(gauge.figure).truncate(room).plain, "$muted"))
    bar = meter(gauge.share, max(1, width - _LABEL - _FIGURE - 1))
    colour = "$warning" if gauge.share >= _HIGH else "$success"
    return Content.assemble(label, (bar, f"{colour} on $surface"), " ", gauge.figure[:_FIGURE])


def _history(snapshot: Snapshot, width: int, height: int) -> list[Content]:
    """The processor's last minute, below its gauge."""
    lines = columns(snapshot.trend.cpu, max(0, width - _LABEL), height, top=1.0)
    labels = ["1 min" if row == 0 else "" for row in range(height)]
    return [
        Content.assemble((label.ljust(_LABEL), "$muted"), (line, "$secondary"))
        for label, line in zip(labels, lines, strict=True)
    ]
