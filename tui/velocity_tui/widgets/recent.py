"""The newest requests."""

from datetime import UTC, datetime

from textual.content import Content

from velocity_local.core.history import RequestRow
from velocity_local.core.units import milliseconds
from velocity_tui.state import Snapshot
from velocity_tui.widgets.grid import Cell, grid
from velocity_tui.widgets.panel import Panel

STATUS_STYLES = {
    "ok": "$success",
    "running": "$primary",
    "error": "$error",
    "cancelled": "$muted",
    "interrupted": "$warning",
}
_HEADERS = ("AT", "MODEL", "STATUS", "PROMPT", "CACHED", "ANSWER", "TTFT", "TOK/S", "TOTAL")
_FIXED = (8, 0, 11, 6, 6, 6, 9, 6, 9)
_NARROW = (8, 0, 11, 6, 0, 6, 9, 6, 0)


class Recent(Panel):
    TITLE = "Recent requests"

    def draw(self, snapshot: Snapshot, width: int, height: int) -> Content:
        if not snapshot.recent:
            return Content.styled("None yet.", "$muted")
        fixed = _FIXED if width >= sum(_FIXED) + 2 * len(_FIXED) + 8 else _NARROW
        room = width - sum(fixed) - 2 * (sum(1 for each in fixed if each) or 1)
        widths = (fixed[0], max(6, room), *fixed[2:])
        return grid(_HEADERS, [_row(row) for row in snapshot.recent], widths, height)


def _row(row: RequestRow) -> list[Cell]:
    style = STATUS_STYLES.get(row.status, "")
    return [
        (clock_time(row.created_s), "$muted"),
        (row.model, ""),
        (row.status, style),
        (_figure(row.prompt_tokens), ""),
        (_figure(row.cached_tokens or None), "$muted"),
        (_figure(row.completion_tokens), ""),
        (milliseconds(row.ttft_ms), ""),
        ("" if row.tokens_per_s is None else f"{row.tokens_per_s:.1f}", ""),
        (milliseconds(row.total_ms), ""),
    ]


def clock_time(wall_s: float) -> str:
    """Local time of the day."""
    return datetime.fromtimestamp(wall_s, UTC).astimezone().strftime("%H:%M:%S")


def _figure(value: int | None) -> str:
    return "" if value is None else str(value)
