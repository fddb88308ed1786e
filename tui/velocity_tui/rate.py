"""Tokens a second, exactly: what was counted at two moments."""

from collections import deque
from dataclasses import dataclass

_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class _Count:
    at_s: float
    tokens: int
    pid: int


class TokenRate:
    """Of the last second or a little more, since a quarter of a second has few whole tokens."""

    def __init__(self) -> None:
        self._counts: deque[_Count] = deque()

    def add(self, at_s: float, tokens: int, *, pid: int) -> float:
        """The rate up to now; `tokens` grows as long as the process `pid` lives."""
        if self._counts and (self._counts[-1].pid != pid or self._counts[-1].tokens > tokens):
            self._counts.clear()
        self._counts.append(_Count(at_s, tokens, pid))
        while len(self._counts) > 2 and at_s - self._counts[1].at_s >= _WINDOW_S:
            self._counts.popleft()
        first = self._counts[0]
        return (tokens - first.tokens) / (at_s - first.at_s) if at_s > first.at_s else 0.0
