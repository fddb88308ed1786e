"""Notices of what was done with models unasked: each is a line of the log, and the last ones can
be read.
"""

import logging
from collections import deque

from velocity_local.core.clock import Clock
from velocity_local.core.notices import Notice, NoticeKind

KEPT = 256

log = logging.getLogger(__name__)


class Diary:
    """The last `KEPT` notices, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notices: deque[Notice] = deque(maxlen=KEPT)
        self._count = 0

    def note(self, kind: NoticeKind, model: str, text: str, **details: int | float | str) -> None:
        self._count += 1
        self._notices.append(
            Notice(self._count, self._clock.wall_s(), kind, model, text, dict(details))
        )
        log.info("model %s %s: %s", model, kind, text)

    def since(self, number: int) -> list[Notice]:
        """Those after that number."""
        return [notice for notice in self._notices if notice.number > number]
