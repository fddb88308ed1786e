"""`GET /api/v1/fit`, and what the daemon did with memory by itself."""

import msgspec

from velocity_local.core.fit import Fit
from velocity_local.core.notices import Notice

VERSION = 1


class FitAnswer(Fit, frozen=True, kw_only=True):
    """The verdict for one model; sizes are bytes."""

    model: str
    version: int = VERSION


class NoticeList(msgspec.Struct, frozen=True):
    """Oldest first; the last number goes into `after` for those that come."""

    items: tuple[Notice, ...]
    version: int = VERSION
