"""Where markers lie in a text, and which end of it may still become one once more text arrives."""

import re
from functools import lru_cache
from typing import NamedTuple


class Found(NamedTuple):
    """A marker and where it begins."""

    start: int
    marker: str

    @property
    def end(self) -> int:
        return self.start + len(self.marker)


def first_marker(
    text: str, markers: tuple[str, ...], start: int = 0, end: int | None = None
) -> Found | None:
    """The marker that begins first in `text[start:end]`; of two that begin together, the longer.

    No character after it is looked at, so that a text full of markers costs what it is long.
    """
    if len(markers) == 1:
        at = text.find(markers[0], start, end)
        return Found(at, markers[0]) if at >= 0 else None
    found = _any_of(markers).search(text, start, len(text) if end is None else end)
    return Found(found.start(), found[0]) if found else None


def pending_suffix(text: str, *markers: str, start: int = 0) -> int:
    """How long the longest end of `text[start:]` is that one of `markers` properly begins with."""
    return max((_pending(text, marker, start) for marker in markers), default=0)


def _pending(text: str, marker: str, start: int) -> int:
    if not marker:
        return 0
    at = text.find(marker[0], max(start, len(text) - len(marker) + 1))
    while at >= 0 and not marker.startswith(text[at:]):
        at = text.find(marker[0], at + 1)
    return len(text) - at if at >= 0 else 0


@lru_cache(maxsize=256)
def _any_of(markers: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, markers), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
