"""Where markers lie in a text, and which end of it may still become one once more text arrives."""

from typing import NamedTuple


class Found(NamedTuple):
    """A marker and where it begins."""

    start: int
    marker: str

    @property
    def end(self) -> int:
        return self.start + len(self.marker)


def first_marker(text: str, markers: tuple[str, ...]) -> Found | None:
    """The marker that begins first in `text`; of two that begin together, the longer."""
    found = [Found(start, marker) for marker in markers if (start := text.find(marker)) >= 0]
    return min(found, key=lambda one: (one.start, -len(one.marker)), default=None)


def pending_suffix(text: str, *markers: str) -> int:
    """Length of the longest end of `text` that is a proper beginning of one of `markers`."""
    return max((_pending(text, marker) for marker in markers), default=0)


def _pending(text: str, marker: str) -> int:
    for size in range(min(len(marker) - 1, len(text)), 0, -1):
        if text.endswith(marker[:size]):
            return size
    return 0
