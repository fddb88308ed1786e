"""Keeps control tokens that others wrote into a chat from being read as control.

What users, tools and tool definitions say is marked before the template renders it; afterwards
the marked pieces are tokenized as plain text. System, developer and assistant turns are the
operator's and the model's own, and stay as they are. The marks are those of transformers'
`sanitize_control_tokens`.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from velocity_local.core.messages import Message, Tool

_START, _END = "\U000f0000", "\U000f0001"
_ANY_MARK = re.compile(f"[{_START}{_END}]")
_NEVER = "(?!)"
_FOREIGN_ROLES = frozenset({"user", "tool"})


class Piece(NamedTuple):
    """A part of a rendered prompt; in one that `is_plain` no control token is recognised."""

    text: str
    is_plain: bool


class ControlTexts:
    """Knows the texts of one model's control tokens."""

    def __init__(self, texts: Iterable[str]) -> None:
        longest_first = sorted(filter(None, texts), key=len, reverse=True)
        tokens = "|".join(map(re.escape, longest_first)) or _NEVER
        self._token = re.compile(tokens)
        starts, ends = _written(_START), _written(_END)
        self._marked = re.compile(f"{starts}({tokens}){ends}|{starts}|{ends}")

    def mark_messages(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(self._message(message) for message in messages)

    def mark_tools(self, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
        return tuple(self._tool(tool) for tool in tools)

    def pieces(self, rendered: str) -> list[Piece]:
        """The rendered prompt without marks, in pieces; a template may have torn marks apart."""
        parts = self._marked.split(rendered)
        pieces = (Piece(part or "", bool(i % 2)) for i, part in enumerate(parts))
        return [piece for piece in pieces if piece.text]

    def _message(self, message: Message) -> Message:
        if message.role not in _FOREIGN_ROLES:
            return message
        content = message.content and self._text(message.content)
        name = message.name and self._text(message.name)
        if (content, name) == (message.content, message.name):
            return message
        parts = tuple(map(self._text, message.parts))
        return msgspec.structs.replace(message, content=content, name=name, parts=parts)

    def _tool(self, tool: Tool) -> Tool:
        marked = Tool(
            self._text(tool.name),
            tool.description and self._text(tool.description),
            self._value(tool.parameters),
            tool.strict,
        )
        return tool if marked == tool else marked

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(key): self._value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value

    def _text(self, text: str) -> str:
        # Marks that were sent are dropped first, so that none can be forged.
        return self._token.sub(rf"{_START}\g<0>{_END}", _ANY_MARK.sub("", text))


def _written(mark: str) -> str:
    """The mark as templates write it: itself, or spelled out where they write JSON in ASCII (a
    pair of surrogates, escaped once or oftener) or a value as Python prints it.
    """
    high, low = 0xD800 + (ord(mark) - 0x10000 >> 10), 0xDC00 + (ord(mark) & 0x3FF)
    return rf"(?:{mark}|\\+u{high:04x}\\+u{low:04x}|\\+U{ord(mark):08x})"
