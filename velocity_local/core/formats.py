"""What an answer must be: the formats a request may hold its answer to, and its tool calls."""

from typing import Any

import msgspec


class _Format(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the formats. `param` is the request's own field, for errors about it."""

    param: str


class JsonFormat(_Format, frozen=True, tag="json"):
    """JSON that keeps to a schema, kept opaque: an object, or true for any value."""

    schema: dict[str, Any] | bool


class RegexFormat(_Format, frozen=True, tag="regex"):
    """The whole answer matches a regular expression."""

    pattern: str


class ChoiceFormat(_Format, frozen=True, tag="choice"):
    """The answer is one of these texts."""

    texts: tuple[str, ...]


class GrammarFormat(_Format, frozen=True, tag="grammar"):
    """The whole answer is a sentence of a grammar in Lark or in llama.cpp's GBNF."""

    source: str


AnswerFormat = JsonFormat | RegexFormat | ChoiceFormat | GrammarFormat


class ToolUse(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which of the offered tools may be called, and whether one must be.

    `only` names them; empty means all. Without `is_parallel` an answer makes one call at most.
    """

    is_required: bool = False
    only: tuple[str, ...] = ()
    is_parallel: bool = True
