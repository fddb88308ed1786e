"""Calls written as JSON objects with a name and arguments, alone or in a list.

A call whose name comes before its arguments streams; in any other order of keys it waits for the
end of the object.
"""

import json
from typing import Any

from velocity_local.worker.chat.tools.call_parser import CallParser, Steps

# `{"type": "function", "function": {"name": ...}}` is OpenAI's own shape.
_WRAPPER = "function"
_Members = dict[str, str]


class JsonCallParser(CallParser):
    """`NAMES` and `ARGUMENTS` are the keys of a call. If `KNOWN_ONLY`, a name that was not
    offered makes no call: for dialects whose calls look like any other JSON. `SEPARATOR` stands
    between calls outside of a list.
    """

    NAMES: tuple[str, ...] = ("name",)
    ARGUMENTS: tuple[str, ...] = ("arguments", "parameters")
    KNOWN_ONLY = False
    SEPARATOR = ""

    def calls(self) -> Steps[bool]:
        """One call or several, in a list or not; False if not even one comes."""
        is_list = yield from self.accept_next("[")
        if not (yield from self.call()):
            return False
        while (yield from self._is_followed("," if is_list else self.SEPARATOR)):
            if not (yield from self.call()):
                self.give_back()
                return True
        if is_list:
            yield from self.accept("]")
        self.drop()
        return True

    def _is_followed(self, separator: str) -> Steps[bool]:
        return (yield from self.accept_next(separator)) and (yield from self.peek_next()) == "{"

    def call(self) -> Steps[bool]:
        """One call; False if what comes is none, and then it is undecided still."""
        if not (yield from self.accept_next("{")):
            return False
        depth = 1
        members: _Members = {}
        while (key := (yield from self._key())) is not None:
            if key == _WRAPPER and (yield from self.accept("{")):
                depth += 1
                continue
            if (yield from self._streams(key, members, depth)):
                return True
            value = yield from self.json_value()
            if value is None:
                return False
            members[key] = value
            if not (yield from self.accept_next(",")):
                break
        return (yield from self._whole(members, depth))

    def _streams(self, key: str, members: _Members, depth: int) -> Steps[bool]:
        """The rest of the call, if `key` is that of its arguments and its name is known."""
        name = self._name(members)
        if key not in self.ARGUMENTS or not name or (yield from self.peek()) != "{":
            return False
        self.open_call(name)
        yield from self.stream_json()
        for _ in range(depth):
            if (yield from self.accept_next(",")):
                yield from self.stream_json(depth=1, is_shown=False)
            else:
                yield from self.accept("}")
        self.close_call()
        return True

    def _whole(self, members: _Members, depth: int) -> Steps[bool]:
        """The end of a call whose members are all there."""
        for _ in range(depth):
            if not (yield from self.accept_next("}")):
                return False
        name = self._name(members)
        if not name:
            return False
        self.open_call(name)
        self.send(_arguments(next((members[key] for key in self.ARGUMENTS if key in members), "")))
        self.close_call()
        return True

    def _key(self) -> Steps[str | None]:
        """A key, its colon and the space after it."""
        if (yield from self.peek_next()) != '"':
            return None
        key = yield from self.json_value()
        if key is None or not (yield from self.accept_next(":")):
            return None
        yield from self.space()
        return string_of(key)

    def _name(self, members: _Members) -> str | None:
        name = next((string_of(members[key]) for key in self.NAMES if key in members), None)
        return name if name in self.offers or not self.KNOWN_ONLY else None


def string_of(source: str) -> str | None:
    """The text of a JSON string; None for the source of anything else, and of no text."""
    value = _load(source)
    return value if isinstance(value, str) and value else None


def _arguments(source: str) -> str:
    """The arguments' own source; models may also write them as a string, or none at all."""
    value = _load(source)
    if isinstance(value, str):
        return value
    return "{}" if value is None else source


def _load(source: str) -> Any:
    try:
        return json.loads(source)
    except (ValueError, RecursionError):
        return None


class TaggedCalls(JsonCallParser):
    """Calls between one of `OPENS` and `CLOSE`, which may be missing."""

    OPENS: tuple[str, ...]
    CLOSE: str

    def read(self) -> Steps[None]:
        while (yield from self.until(*self.OPENS)):
            if (yield from self.calls()):
                yield from self.accept_next(self.CLOSE)
                self.drop()
            else:
                self.give_back()
