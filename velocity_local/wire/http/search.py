"""`GET /api/v1/search`: models that could be fetched, with what they would take of this machine."""

import msgspec

from velocity_local.core.search import Found

VERSION = 1


class SearchAnswer(msgspec.Struct, frozen=True):
    """The shipped list's models first, then the hub's, those most downloaded first.

    `dated` is the day on which the shipped list was last looked over; `hub_error` says why the
    hub could not be asked, None if it was, or was not to be.
    """

    items: tuple[Found, ...]
    dated: str
    hub_error: str | None = None
    next: str | None = None
    version: int = VERSION
