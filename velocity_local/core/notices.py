"""What the daemon did with models by itself, and why."""

from typing import Literal

import msgspec

NoticeKind = Literal["evicted", "trimmed", "idle", "shrunk", "refused", "out of memory", "gave up"]


class Notice(msgspec.Struct, frozen=True):
    """`number` grows by one; `text` is for people, `details` has its numbers."""

    number: int
    at_s: float
    kind: NoticeKind
    model: str
    text: str
    details: dict[str, int | float | str] = {}
