"""Hermes tool calls: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.

The format of https://github.com/NousResearch/Hermes-Function-Calling, which Qwen and others
share. A call that begins with its name streams: its name is sent as soon as its arguments
begin, then the arguments as the model writes them. Any other order of keys waits for the end of
the call. What does not read as a call is given back as text.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from velocity_local.core.events import ToolCallDelta
from velocity_local.worker.chat.markers import pending_suffix
from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_end import JsonEnd
from velocity_local.worker.chat.tools.parser import CallIds, Mark, Offer, Parsed

NAME = "hermes"
OPEN = "<tool_call>"
CLOSE = "</tool_call>"
MARKERS = (OPEN, CLOSE)
TRIGGER = OPEN
OPENS_ANSWER = False
_HEAD_CHARS = 1024
_HEAD = re.compile(
    r'\s*\{\s*"name"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)+")\s*,\s*"(?:arguments|parameters)"\s*:\s*\{'
)


# Other dialects use the same tag around something that is not JSON.
_FOREIGN = ("<function=", "<arg_key>")


def recognises(template: str) -> bool:
    is_foreign = any(mark in template for mark in _FOREIGN)
    return OPEN in template and "arguments" in template and not is_foreign


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        head = lark.quoted(
            f'\n{{"name": {json.dumps(tool.name, ensure_ascii=False)}, "arguments": '
        )
        tail = lark.quoted("}\n")
        return f"{mark(OPEN)} {head} {lark.arguments_of(tool)} {tail} {mark(CLOSE)}"

    return lark.calls(tools, form, parallel=parallel, between=lark.quoted("\n"))


class Parser:
    """Incremental; the same events come however the text is cut."""

    def __init__(self, call_id: CallIds, offers: Sequence[Offer] = ()) -> None:  # noqa: ARG002 - other dialects need the schemas
        self._call_id = call_id
        self._step = self._outside
        self._buffer = ""
        self._gap = ""
        self._index = 0
        self._is_after_call = False
        self._json = JsonEnd(depth=0)
        self._text: list[str] = []
        self._calls: list[ToolCallDelta] = []

    @property
    def held(self) -> int:
        opening = len(self._gap) + len(OPEN) if self._step == self._head else 0
        return opening + len(self._buffer)

    def feed(self, text: str) -> Parsed:
        self._buffer += text
        while self._step():
            pass
        return self._take()

    def finish(self) -> Parsed:
        if self._step == self._head:
            self._close_head(self._buffer, "")
        elif self._step == self._outside and not (self._is_after_call and self._buffer.isspace()):
            self._text.append(self._buffer)
        self._buffer = ""
        return self._take()

    def _take(self) -> Parsed:
        parsed = Parsed("".join(self._text), tuple(self._calls))
        self._text.clear()
        self._calls.clear()
        return parsed

    def _outside(self) -> bool:
        start = self._buffer.find(OPEN)
        is_call = start >= 0
        end = start if is_call else len(self._buffer) - pending_suffix(self._buffer, OPEN)
        sure = self._buffer[:end].rstrip()
        self._gap = self._buffer[len(sure) : end]
        if sure:
            self._text.append(sure if not self._is_after_call else sure.lstrip())
            self._is_after_call = False
        self._buffer = self._buffer[start + len(OPEN) if is_call else len(sure) :]
        if is_call:
            self._step = self._head
        return is_call

    def _head(self) -> bool:
        close = self._buffer.find(CLOSE)
        limit = _HEAD_CHARS if close < 0 else min(close, _HEAD_CHARS)
        match = _HEAD.match(self._buffer, 0, limit) if len(self._buffer) > 0 else None
        name = _string(match[1]) if match else None
        if match and name:
            self._begin(name, match.end() - 1)
            return True
        if close < 0:
            return False
        body, self._buffer = self._buffer[:close], self._buffer[close + len(CLOSE) :]
        self._close_head(body, CLOSE)
        return True

    def _begin(self, name: str, arguments_at: int) -> None:
        self._send(name=name)
        self._buffer = self._buffer[arguments_at:]
        self._json = JsonEnd(depth=0)
        self._step = self._arguments

    def _close_head(self, body: str, close: str) -> None:
        """A whole body at once: a call, or text after all."""
        self._step = self._outside
        call = _read_call(body)
        if call is None:
            self._text.append(self._gap + OPEN + body + close)
            self._is_after_call = False
            return
        self._send(name=call[0], arguments=call[1])
        self._end_call()

    def _arguments(self) -> bool:
        end = self._json.feed(self._buffer)
        piece = self._buffer if end is None else self._buffer[:end]
        if piece:
            self._send(arguments=piece)
        self._buffer = self._buffer[len(piece) :]
        if end is None:
            return False
        self._step = self._tail
        return True

    def _tail(self) -> bool:
        """Between the arguments and the closing tag: the object's own end, perhaps more keys."""
        rest = self._buffer.lstrip()
        if not rest:
            return False
        if rest[0] == ",":
            self._json = JsonEnd(depth=1)
            self._step = self._more_keys
            return True
        self._buffer = rest.removeprefix("}")
        self._step = self._close
        return True

    def _more_keys(self) -> bool:
        end = self._json.feed(self._buffer)
        self._buffer = "" if end is None else self._buffer[end:]
        if end is None:
            return False
        self._step = self._close
        return True

    def _close(self) -> bool:
        rest = self._buffer.lstrip()
        if CLOSE.startswith(rest) and rest != CLOSE:
            return False
        self._buffer = rest.removeprefix(CLOSE)
        self._end_call()
        self._step = self._outside
        return True

    def _end_call(self) -> None:
        self._index += 1
        self._is_after_call = True

    def _send(self, *, name: str | None = None, arguments: str = "") -> None:
        call_id = None if name is None else self._call_id(self._index)
        self._calls.append(ToolCallDelta(self._index, call_id, name, arguments))


def _string(source: str) -> str | None:
    try:
        return str(json.loads(source))
    except ValueError:
        return None


def _read_call(body: str) -> tuple[str, str] | None:
    """Name and arguments of a call's whole body, or None if it is not one."""
    try:
        call: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict):
        return None
    name = call.get("name")
    arguments = call.get("arguments", call.get("parameters", {}))
    if not isinstance(name, str) or not name:
        return None
    return name, arguments if isinstance(arguments, str) else _dump(arguments)


def _dump(arguments: object) -> str:
    return json.dumps({} if arguments is None else arguments, ensure_ascii=False)
