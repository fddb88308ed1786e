"""The disk: room where the data lies, and what all disks read and write."""

import shutil
from pathlib import Path

import psutil

from velocity_local.wire.http.telemetry import DiskItem


class Disk:
    """Rates need two looks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: tuple[float, int, int] | None = None

    def look(self, now_s: float) -> DiskItem:
        try:
            room = shutil.disk_usage(self._folder)
            total_bytes, free_bytes = room.total, room.free
        except OSError:
            return DiskItem(None, None, *self._rates(now_s))
        return DiskItem(total_bytes, free_bytes, *self._rates(now_s))

    def _rates(self, now_s: float) -> tuple[float | None, float | None]:
        counters = _counters()
        last, self._last = self._last, None if counters is None else (now_s, *counters)
        if counters is None or last is None or now_s <= last[0]:
            return None, None
        elapsed_s = now_s - last[0]
        read, written = (
            max(now - before, 0) for now, before in zip(counters, last[1:], strict=True)
        )
        return read / elapsed_s, written / elapsed_s


def _counters() -> tuple[int, int] | None:
    try:
        counters = psutil.disk_io_counters()
    except (OSError, RuntimeError):
        return None
    return None if counters is None else (counters.read_bytes, counters.write_bytes)
