"""Who waits, and the sequences that every step computes one more token of."""

from textual.content import Content

from velocity_local.core.kv import KvEntry
from velocity_local.core.printable import printable
from velocity_local.core.queueing import PRIORITIES
from velocity_local.core.units import count
from velocity_local.wire.http.admin import WorkerItem
from velocity_tui.plots import meter
from velocity_tui.state import Snapshot
from velocity_tui.widgets.panel import Panel

_METER = 12
_FIGURE = 6
_MARKS = 16


class Slots(Panel):
    TITLE = "Queue and slots"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        running = {
            item.model: [entry for entry in item.entries if entry.is_running]
            for item in (() if snapshot.kept is None else snapshot.kept.items)
        }
        lines = [_queue(snapshot)]
        for worker in snapshot.workers:
            lines.append(_worker(worker))
            lines += [_slot(entry, worker) for entry in running.get(worker.model, ())]
        return Content("\n").join(line.truncate(width) for line in lines[:height])


def _queue(snapshot: Snapshot) -> Content:
    queue = None if snapshot.status is None else snapshot.status.queue
    if queue is None or not queue.requests:
        return Content.styled("Nobody waits.", "$muted")
    parts: list[tuple[str, str]] = []
    for priority in PRIORITIES:
        n_waiting = queue.classes.get(priority, 0)
        if n_waiting:
            parts += [(f"{priority} ", "$muted"), (f"{_marks(n_waiting)}  ", "$warning")]
    parts.append((f"longest {queue.longest_wait_s:.1f} s", "$muted"))
    waits = [model.estimate_s for model in queue.models if model.estimate_s is not None]
    if waits:
        parts.append((f", the next about {max(waits):.1f} s", "$muted"))
    return Content.assemble(*parts)


def _worker(worker: WorkerItem) -> Content:
    step = f"  {worker.step_ms:.1f} ms a step" if worker.running else ""
    return Content.assemble(
        (printable(worker.model), "bold"),
        "  ",
        (_marks(worker.running), "$success"),
        (_marks(worker.waiting + worker.pending), "$warning"),
        (step or ("  idle" if worker.state == "ready" else f"  {worker.state}"), "$muted"),
    )


def _slot(entry: KvEntry, worker: WorkerItem) -> Content:
    share = entry.n_tokens / worker.cells if worker.cells else 0.0
    return Content.assemble(
        (f"  {count(entry.n_tokens):>{_FIGURE}} ", ""),
        (meter(share, _METER), "$success on $surface"),
        (f" {printable(entry.begins)}".replace("\n", " "), "$muted"),
    )


def _marks(number: int) -> str:
    """One for each, as many as can be counted at a glance."""
    return "■" * number if number <= _MARKS else f"{'■' * _MARKS} {number}"
