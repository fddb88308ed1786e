"""The lines of a log that grows: which are new, and which are wanted. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = ("debug", "info", "warning", "error")
_LEVEL_WORD = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines at least as severe as `level` that hold `text`, whatever its case."""

    level: str = "debug"
    text: str = ""

    def next_level(self) -> "Wanted":
        following = (LEVELS.index(self.level) + 1) % len(LEVELS)
        return Wanted(LEVELS[following], self.text)

    def holds(self, line: str) -> bool:
        is_severe = LEVELS.index(level_of(line)) >= LEVELS.index(self.level)
        return is_severe and self.text.casefold() in line.casefold()


def level_of(line: str) -> str:
    """The word after the time; a line without one, as of an engine or a traceback, is "info"."""
    words = line.split(maxsplit=_LEVEL_WORD + 1)
    word = words[_LEVEL_WORD] if len(words) > _LEVEL_WORD else ""
    return word if word in LEVELS else "info"


def added(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """The lines of `now` behind those of `before`: both are ends of the same log."""
    known, lines = list(before), list(now)
    for overlap in range(min(len(known), len(lines)), 0, -1):
        if lines[:overlap] == known[-overlap:]:
            return lines[overlap:]
    return lines
