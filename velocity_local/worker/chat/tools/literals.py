"""Arguments in literals that are not JSON, sent as JSON while they come.

Lists, objects, words and numbers are alike in such dialects; a dialect adds its strings and keys.
"""

import json

from velocity_local.worker.chat.tools.call_parser import CallParser, Steps

_MAX_DEPTH = 64
_WORDS = {"True": "true", "False": "false", "None": "null"}
_WORD_ENDS = ",]})<:= \t\r\n"


class LiteralParser(CallParser):
    """`BRACKETS` closes what it opens: an object if it is `{`, else a list."""

    BRACKETS: dict[str, str] = {"[": "]", "{": "}"}  # noqa: RUF012 - a constant of the class

    def string(self) -> Steps[bool | None]:
        """Send a string, if one comes: False if the text ends inside it, None if none comes."""
        raise NotImplementedError

    def key(self) -> Steps[bool]:
        """Send a member's key; False if none comes."""
        raise NotImplementedError

    def bare_key(self, stops: str) -> Steps[bool]:
        """Send a key that stands before one of `stops`; False if none comes, or not all of it."""
        name = (yield from self.run(stops)).strip()
        is_whole = bool(name) and bool((yield from self.peek()))
        self.drop()
        self.send(json.dumps(name, ensure_ascii=False) if is_whole else "")
        return is_whole

    def value(self, depth: int = 0) -> Steps[bool]:
        """Send a value; False if it is broken off, or is none."""
        first = yield from self.peek_next()
        self.drop()
        is_string = yield from self.string()
        if is_string is not None:
            return is_string
        if first in self.BRACKETS and depth < _MAX_DEPTH:
            return (yield from self._group(first, depth))
        word = yield from self.run(_WORD_ENDS)
        source = _word(word)
        is_whole = not source.startswith('"') or bool((yield from self.peek()))
        self.drop()
        self.send(source if is_whole else "")
        return bool(word) and is_whole

    def members(self, end: str, *, depth: int = 0) -> Steps[bool]:
        """Send an object's members and its end; what opens it is read already."""
        self.drop()
        self.send("{")
        while (yield from self.peek_next()) not in (end, ""):
            if not (yield from self.key()) or not (yield from self._separated(":=")):
                return False
            self.send(": ")
            if not (yield from self.value(depth)):
                return False
            if (yield from self._separated(",")) and (yield from self.peek_next()) != end:
                self.send(", ")
        return (yield from self._end(end, "}"))

    def _group(self, opening: str, depth: int) -> Steps[bool]:
        yield from self.take()
        end = self.BRACKETS[opening]
        if opening == "{":
            return (yield from self.members(end, depth=depth + 1))
        self.drop()
        self.send("[")
        while (yield from self.peek_next()) not in (end, ""):
            if not (yield from self.value(depth + 1)):
                return False
            if (yield from self._separated(",")) and (yield from self.peek_next()) != end:
                self.send(", ")
        return (yield from self._end(end, "]"))

    def _end(self, end: str, written: str) -> Steps[bool]:
        if not (yield from self.accept_next(end)):
            return False
        self.drop()
        self.send(written)
        return True

    def _separated(self, separators: str) -> Steps[bool]:
        if (yield from self.peek_next()) not in tuple(separators):
            return False
        yield from self.take()
        return True


def _word(word: str) -> str:
    """The JSON of a number or a name; of any other word, a string."""
    source = _WORDS.get(word, word)
    try:
        json.loads(source, parse_constant=_refuse)
    except ValueError:
        return json.dumps(word, ensure_ascii=False) if word else ""
    return source


def _refuse(constant: str) -> None:
    raise ValueError(constant)
