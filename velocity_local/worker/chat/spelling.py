"""Keeps a marker that an answer spells in ordinary tokens from being read as one.

Where a marker is a control token of the model, only that token is the marker. The same letters in
other tokens are text: what a user or a tool said came to the model in such tokens
(`chat/control.py`), and it may quote them. Before its last letter such a text is broken by a
character that no answer has, so that whoever looks for markers does not find it.
"""

from collections import deque

from velocity_local.core.events import ToolCallDelta

# Half of a surrogate pair is no character of any UTF-8.
_BREAK = "\udc00"


class Spelling:
    """Is told of all text before it comes; `guarded` are the markers that are control tokens."""

    def __init__(self, guarded: tuple[str, ...]) -> None:
        self._guarded = guarded
        self._n_tail = max(map(len, guarded), default=1) - 1
        self._tail = ""
        self._n_noted = 0
        self._n_passed = 0
        self._breaks: deque[int] = deque()
        self._has_broken = False

    @property
    def n_pending(self) -> int:
        """Breaks in text that was noted and did not come yet."""
        return len(self._breaks)

    def note(self, text: str, *, is_marker: bool = False) -> int:
        """More text; how many breaks it will have. `is_marker`: it is a control token's."""
        start = self._n_noted - len(self._tail)
        seen = self._tail + text
        ends = set() if is_marker else self._ends(seen, len(self._tail))
        self._breaks.extend(start + end - 1 for end in sorted(ends))
        self._n_noted += len(text)
        self._tail = "" if is_marker else seen[max(0, len(seen) - self._n_tail) :]
        return len(ends)

    def _ends(self, seen: str, n_known: int) -> set[int]:
        """Where markers end behind the first `n_known` characters."""
        ends = set()
        for marker in self._guarded:
            at = seen.find(marker, max(0, n_known - len(marker) + 1))
            while at >= 0:
                ends.add(at + len(marker))
                at = seen.find(marker, at + 1)
        return ends

    def broken(self, text: str) -> str:
        """The next text, with its breaks."""
        start = self._n_passed
        self._n_passed += len(text)
        if not self._breaks or self._breaks[0] >= self._n_passed:
            return text
        self._has_broken = True
        parts = []
        at = 0
        while self._breaks and self._breaks[0] < self._n_passed:
            place = self._breaks.popleft() - start
            parts.append(text[at:place])
            at = place
        return _BREAK.join([*parts, text[at:]])

    def restored(self, text: str) -> str:
        """What was read of the text, as it was."""
        return text.replace(_BREAK, "") if self._has_broken else text

    def restored_calls(self, calls: tuple[ToolCallDelta, ...]) -> tuple[ToolCallDelta, ...]:
        """The same of calls."""
        if not self._has_broken:
            return calls
        return tuple(
            ToolCallDelta(
                call.index,
                call.id,
                call.name and self.restored(call.name),
                self.restored(call.arguments),
            )
            for call in calls
        )
