"""Finds where a JSON value ends in text that streams. Does not check what is inside."""

import re

_OUTSIDE = re.compile(r'["{}\[\]<]')
_INSIDE = re.compile(r'["\\]')
_FIRST = re.compile(r"\S")
_QUOTE = re.compile(r"[\"']")


class JsonEnd:
    """Counts the brackets of an object, list or string. `depth` of them are open already."""

    def __init__(self, *, depth: int = 0) -> None:
        self._depth = depth
        self._in_string = False
        self._is_escaped = False

    @property
    def is_in_string(self) -> bool:
        return self._in_string

    def feed(self, text: str, start: int = 0) -> int | None:
        """Where in `text` the value is over, or None if it goes on; it is read from `start` on.

        A `<` outside of a string is not JSON: the value ends there, as the model broke it off.
        """
        at = min(len(text), start + self._is_escaped)
        self._is_escaped = self._is_escaped and at == start
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(text, at):
            if found[0] == "<":
                return found.start()
            at = found.end()
            if found[0] == "\\":
                self._is_escaped = at == len(text)
                at += 1
            elif self._closes(found[0]):
                return at
        return None

    def _closes(self, mark: str) -> bool:
        if mark == '"':
            self._in_string = not self._in_string
            return not self._in_string and self._depth == 0
        self._depth += 1 if mark in "{[" else -1
        return self._depth <= 0


class JsonStrings:
    """Tells whether a text that streams is inside one of its JSON strings, where no tag counts.

    It is never, in a text that does not begin as JSON, or has its first string in Python's quotes.
    """

    def __init__(self) -> None:
        self._end = JsonEnd()
        self._is_over = False
        self._is_begun = False
        self._has_quote = False

    def feed(self, text: str) -> bool:
        """Read on; True if a string is open at the end of it."""
        first = None if self._is_begun else _FIRST.search(text)
        if first:
            self._is_begun = True
            self._is_over = first[0] not in '{["'
        quote = None if self._has_quote else _QUOTE.search(text)
        if quote:
            self._has_quote = True
            self._is_over = self._is_over or quote[0] == "'"
        if not self._is_over:
            self._is_over = self._end.feed(text) is not None
        return self._end.is_in_string and not self._is_over
