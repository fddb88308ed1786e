"""The cells of each model's KV cache, and what is kept of prompts in memory and on disk."""

from collections.abc import Iterator, Sequence

from textual.content import Content

from velocity_local.core.kv import KvEntry
from velocity_local.core.printable import printable
from velocity_local.core.units import count, size
from velocity_local.wire.http.kv import KvItem
from velocity_tui.state import Snapshot
from velocity_tui.widgets.panel import Panel

_RUNNING, _KEPT, _OTHER, _FREE = "$success", "$secondary", "$accent", "$line"
_STYLES = (_KEPT, _OTHER)


class KvMap(Panel):
    TITLE = "KV cache"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        kept = snapshot.kept
        if kept is None or not kept.items or height < 1:
            return Content.styled("No model is in memory.", "$muted")
        cells = {worker.model: worker.cells for worker in snapshot.workers}
        rows_each = max(1, (height - 1) // len(kept.items) - 1)
        lines = [
            line
            for item in kept.items
            for line in _model(item, cells.get(item.model, 0), width, rows_each)
        ]
        legend = Content.assemble(
            ("■ ", _RUNNING), "runs  ", ("■ ", _KEPT), ("■ ", _OTHER), "kept  ",
            ("· ", _FREE), ("free", "$muted"),
            (f"  disk {size(kept.disk_bytes)}", "$muted"),
        )  # fmt: skip
        return Content("\n").join(line.truncate(width) for line in [*lines, legend][:height])


def _model(item: KvItem, n_cells: int, width: int, height: int) -> list[Content]:
    on_device = [entry for entry in item.entries if entry.tier == "device"]
    used = sum(entry.n_tokens for entry in on_device)
    head = Content.assemble(
        (printable(item.model), "bold"),
        (f"  {count(used)} of {count(n_cells)} cells", "$muted"),
        (f"  {_elsewhere(item.entries)}", "$muted"),
    )
    return [head, *_map(on_device, n_cells, width, height)]


def _elsewhere(entries: Sequence[KvEntry]) -> str:
    """Prompts that are kept off the device, in words."""
    counts = {tier: sum(entry.tier == tier for entry in entries) for tier in ("memory", "disk")}
    return ", ".join(f"{number} in {tier}" for tier, number in counts.items() if number)


def _map(entries: Sequence[KvEntry], n_cells: int, width: int, height: int) -> list[Content]:
    """Each entry as long as its share of the cells, and never invisible."""
    room = width * height
    drawn: list[tuple[str, str]] = []
    for number, entry in enumerate(sorted(entries, key=lambda each: not each.is_running)):
        n_marks = max(1, round(entry.n_tokens / n_cells * room)) if n_cells else 0
        style = _RUNNING if entry.is_running else _STYLES[number % len(_STYLES)]
        drawn.append(("■" * n_marks, style))
    free = room - sum(len(marks) for marks, _ in drawn)
    drawn.append(("·" * max(0, free), _FREE))
    return [Content.assemble(*row) for row in _rows(drawn, width, height)]


def _rows(
    drawn: Sequence[tuple[str, str]], width: int, height: int
) -> Iterator[list[tuple[str, str]]]:
    """The marks one after the other, broken where a line ends."""
    marks = [(mark, style) for text, style in drawn for mark in text]
    for row in range(height):
        line: list[tuple[str, str]] = []
        for mark, style in marks[row * width : (row + 1) * width]:
            if line and line[-1][1] == style:
                line[-1] = (line[-1][0] + mark, style)
            else:
                line.append((mark, style))
        yield line
