"""Gauges of processor, memory, graphics and power, each with its last minute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content

from velocity_local.core.printable import printable
from velocity_local.core.units import size
from velocity_local.wire.http.admin import GpuItem
from velocity_local.wire.http.telemetry import PowerItem, TelemetryAnswer
from velocity_tui.plots import ceiling, columns, meter, stretched
from velocity_tui.state import TREND_SAMPLES, Snapshot, Trend, cpu_use, memory_use
from velocity_tui.widgets.panel import Panel

_LABEL = 6
_FIGURE = 20
_HIGH = 0.9
_ROOMY = 60
_LEAST_WATTS = 10.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """A share from 0 to 1 with its name, figure and last minute; None where nothing is told."""

    label: str
    share: float | None
    figure: str
    history: Sequence[float] = ()


class Machine(Panel):
    TITLE = "Machine"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        now = snapshot.telemetry
        if now is None:
            return Content("")
        found = list(gauges(now, snapshot.trend))[:height]
        lines_each = max(1, min(3, height // max(1, len(found)))) if width >= _ROOMY else 1
        lines = [line for gauge in found for line in _lines(gauge, width, lines_each)]
        return Content("\n").join(lines)


def gauges(now: TelemetryAnswer, trend: Trend) -> Iterator[Gauge]:
    """Processor and memory, two for each GPU, power; a reason where there is none."""
    load = now.cpu.load_1min
    of_load = "" if load is None else f"  load {load:.1f}"
    yield Gauge("CPU", cpu_use(now), f"{cpu_use(now):4.0%}{of_load}", trend.cpu)
    memory = now.memory
    used = memory.total_bytes - memory.available_bytes
    yield Gauge("RAM", memory_use(now), f"{size(used)} of {size(memory.total_bytes)}", trend.memory)
    for gpu in now.gpus:
        yield from _gpu_gauges(gpu, trend)
    if not now.gpus:
        yield Gauge("GPU", None, printable(now.reasons.get("gpus", "none")))
    yield _power_gauge(now.power, now.reasons.get("power", "nothing here tells it"), trend)


def _gpu_gauges(gpu: GpuItem, trend: Trend) -> Iterator[Gauge]:
    details = [
        "" if gpu.use is None else f"{gpu.use:4.0%}",
        "" if gpu.power_w is None else f"{gpu.power_w:.0f} W",
        "" if gpu.temperature_c is None else f"{gpu.temperature_c:.0f} °C",
    ]
    yield Gauge(f"GPU{gpu.index}", gpu.use, " ".join(filter(None, details)), trend.gpu)
    total, used = gpu.memory_total_bytes, gpu.memory_used_bytes
    if total and used is not None:
        yield Gauge("VRAM", used / total, f"{size(used)} of {size(total)}", trend.gpu_memory)


def _power_gauge(power: PowerItem, reason: str, trend: Trend) -> Gauge:
    """Against the highest of the last minute: nobody tells what a machine takes at most."""
    if power.watts is None:
        return Gauge("Power", None, printable(reason))
    top = ceiling([*trend.watts, power.watts], at_least=_LEAST_WATTS)
    idle = "" if power.idle_w is None else f"  idle {power.idle_w:.0f} W"
    shares = [each / top for each in trend.watts]
    return Gauge("Power", power.watts / top, f"{power.watts:4.0f} W{idle}", shares)


def _lines(gauge: Gauge, width: int, height: int) -> list[Content]:
    """The gauge, and where there is room its history beside it."""
    label = (gauge.label.ljust(_LABEL), "$muted")
    if gauge.share is None:
        room = max(0, width - _LABEL)
        return [Content.assemble(label, (Content(gauge.figure).truncate(room).plain, "$muted"))]
    plot = (width - _LABEL - _FIGURE) // 2 if width >= _ROOMY else 0
    bar = meter(gauge.share, max(1, width - _LABEL - _FIGURE - 1 - (plot + 1 if plot else 0)))
    colour = "$warning" if gauge.share >= _HIGH else "$success"
    figure = gauge.figure[:_FIGURE].ljust(_FIGURE)
    head = [label, (bar, f"{colour} on $surface"), (f" {figure}", "")]
    if not plot:
        return [Content.assemble(*head)]
    indent = " " * (width - plot)
    drawn = columns(stretched(gauge.history, TREND_SAMPLES, plot), plot, height, top=1.0)
    return [
        Content.assemble(*head, (f" {drawn[0]}", "$secondary")) if row == 0
        else Content.assemble(indent, (line, "$secondary"))
        for row, line in enumerate(drawn)
    ]  # fmt: skip
