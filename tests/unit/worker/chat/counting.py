"""Counts the characters that are looked at or copied: work that a clock cannot blur."""

import re
from typing import Any, SupportsIndex

import pytest

from velocity_local.worker.chat import markers
from velocity_local.worker.chat.tools import call_parser, json_end


class Work:
    """Characters so far."""

    def __init__(self) -> None:
        self.n_chars = 0

    def text(self, text: str) -> str:
        """The same text, which counts here whatever is done with it."""
        return _Counted(text, self)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Count as well what the patterns of parsers and splitters search."""
        monkeypatch.setattr(call_parser, "_NO_SPACE", _Pattern(call_parser._NO_SPACE, self))
        for name in ("_OUTSIDE", "_INSIDE", "_FIRST", "_QUOTE"):
            monkeypatch.setattr(json_end, name, _Pattern(getattr(json_end, name), self))
        any_of = markers._any_of
        monkeypatch.setattr(markers, "_any_of", lambda texts: _Pattern(any_of(texts), self))


class _Counted(str):
    __slots__ = ("work",)

    work: Work

    def __new__(cls, text: str, work: Work) -> "_Counted":
        made = super().__new__(cls, text)
        made.work = work
        return made

    def _made(self, text: str) -> "_Counted":
        self.work.n_chars += len(text)
        return _Counted(text, self.work)

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        return self._made(super().__getitem__(key))

    def __add__(self, other: str) -> str:
        return self._made(super().__add__(other))

    def __radd__(self, other: str) -> str:
        return self._made(other + str(self))

    def lstrip(self, *args: Any) -> str:
        return self._made(super().lstrip(*args))

    def rstrip(self, *args: Any) -> str:
        return self._made(super().rstrip(*args))

    def strip(self, *args: Any) -> str:
        return self._made(super().strip(*args))

    def find(self, text: str, *place: Any) -> int:
        start = place[0] if place else 0
        end = place[1] if len(place) > 1 and place[1] is not None else len(self)
        found = super().find(text, start, end)
        self.work.n_chars += (found + len(text) if found >= 0 else min(end, len(self))) - start
        return found

    def startswith(self, text: Any, *place: Any) -> bool:
        self.work.n_chars += sum(map(len, text)) if isinstance(text, tuple) else len(text)
        return super().startswith(text, *place)

    def __hash__(self) -> int:
        return super().__hash__()


class _Pattern:
    def __init__(self, pattern: re.Pattern[str], work: Work) -> None:
        self._pattern = pattern
        self._work = work

    def search(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        end = len(text) if end is None else min(end, len(text))
        found = self._pattern.search(text, start, end)
        self._work.n_chars += (found.end() if found else end) - start
        return found
