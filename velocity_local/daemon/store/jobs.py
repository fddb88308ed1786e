"""What the writer is given to do, and the rows it holds while the disk does not take them."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Apply = Callable[[sqlite3.Connection], object]


@dataclass(frozen=True, slots=True)
class Kept:
    """A row to write, kept if it cannot be written now. Durable ones are waited for."""

    apply: Apply
    size_bytes: int
    waiter: "asyncio.Future[None] | None" = None


@dataclass(frozen=True, slots=True)
class Once:
    """A change in a transaction of its own, which its caller is told of, done or failed."""

    apply: Apply
    waiter: "asyncio.Future[Any]"


class Held:
    """Rows not written yet, the oldest first, at most `limit_bytes` of them. What has no size is
    housekeeping: not counted, and never given up.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.rows: deque[Kept] = deque()
        self.row_count = 0
        self.lost_rows = 0
        self._limit_bytes = limit_bytes
        self._bytes = 0

    def add(self, rows: Iterable[Kept]) -> None:
        for row in rows:
            self.rows.append(row)
            self.row_count += row.size_bytes > 0
            self._bytes += row.size_bytes

    def trim(self) -> None:
        """Give up the oldest rows that are too many."""
        while self._bytes > self._limit_bytes:
            oldest = next(index for index, row in enumerate(self.rows) if row.size_bytes)
            self._bytes -= self.rows[oldest].size_bytes
            del self.rows[oldest]
            self.row_count -= 1
            self.lost_rows += 1

    def clear(self) -> None:
        self.rows.clear()
        self.row_count = self._bytes = 0
