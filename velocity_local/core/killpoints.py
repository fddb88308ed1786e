"""Named places where a test may end the process at once, as a kill from outside would.

Off unless `arm` is called. A spec is `name` or `name:3`, the third passage. The process ends
with status 137, so a driver that tries every name proves that each was reached.
"""

import os
import threading

POINTS = frozenset(
    {
        "file.before_rename",
        "history.before_insert",
        "kv.before_rename",
        "history.after_insert",
        "history.after_commit",
        "migration.after_backup",
        "migration.before_step",
        "migration.after_step",
    }
)
EXIT_STATUS = 137


class KillPoints:
    """Counts passages of the armed name and ends the process at the one asked for."""

    def __init__(self) -> None:
        self._armed: str | None = None
        self._left = 0
        self._lock = threading.Lock()

    def arm(self, spec: str) -> None:
        """Choose the point, or with an empty `spec` none.

        Raises:
            ValueError: if there is no such point.
        """
        name, _, passage = spec.partition(":")
        if name and name not in POINTS:
            raise ValueError(f"no kill point {name!r}; there are {', '.join(sorted(POINTS))}")
        with self._lock:
            self._armed, self._left = name or None, int(passage or 1)

    def passed(self, name: str) -> None:
        if name != self._armed:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os._exit(EXIT_STATUS)


_points = KillPoints()
arm = _points.arm
maybe_kill = _points.passed
