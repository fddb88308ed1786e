"""Formats as sources for llguidance: its JSON of grammars, or Lark."""

import json
import re
from typing import assert_never

from velocity_local.core.errors import InvalidFormat
from velocity_local.core.formats import (
    AnswerFormat,
    ChoiceFormat,
    GrammarFormat,
    JsonFormat,
    RegexFormat,
)
from velocity_local.worker.constraints.gbnf import to_lark
from velocity_local.worker.constraints.schemas import enforceable, with_options

MAX_SOURCE_CHARS = 64 * 1024
MAX_NESTING = 100
_RULE = re.compile(r"^\s*[A-Za-z][\w-]*\s*::=", re.MULTILINE)
# Parts of Lark that are no brackets, whatever is in them
_LITERALS = re.compile(r'"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/|(?://|#)[^\n]*')


def lark_of(answer_format: AnswerFormat) -> str:
    """Lark whose sentences are the answers in this format; its first rule is `start`.

    Raises:
        RequestError: if the format cannot be enforced.
    """
    match answer_format:
        case JsonFormat():
            schema = with_options(enforceable(answer_format.schema, answer_format.param))
            return f"start: %json {json.dumps(schema, ensure_ascii=False)}\n"
        case RegexFormat():
            _check_size(answer_format.pattern, answer_format.param)
            return f"start: {_regex(answer_format.pattern)}\n"
        case ChoiceFormat():
            return f"start: {' | '.join(map(_quoted, answer_format.texts))}\n"
        case GrammarFormat():
            return _lark(answer_format)
        case _:
            assert_never(answer_format)


def either(first: str, second: str) -> str:
    """Lark for a sentence of one of two grammars, of which both have only named rules of their
    own but `start`.
    """
    parts = [_started(source, name) for source, name in ((first, "first"), (second, "second"))]
    return "\n".join(["start: first | second", *parts])


def _started(source: str, name: str) -> str:
    assert source.startswith("start:")
    return name + source.removeprefix("start")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _regex(pattern: str) -> str:
    """As a Lark regex, which is anchored at both ends by itself."""
    pattern = pattern.removeprefix("^")
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1]
    escaped = re.sub(r"(\\.)|/", lambda m: m[1] or r"\/", pattern, flags=re.DOTALL)
    return "/" + escaped.replace("\n", r"\n") + "/"


def _lark(sent: GrammarFormat) -> str:
    _check_size(sent.source, sent.param)
    if _RULE.search(sent.source):
        return to_lark(sent.source, sent.param)
    bare = _LITERALS.sub("", sent.source)
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", bare):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise InvalidFormat(
            f"{sent.param} is nested deeper than {MAX_NESTING} brackets", param=sent.param
        )
    return sent.source


def _check_size(source: str, param: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise InvalidFormat(
            f"{param} has {len(source)} characters; at most {MAX_SOURCE_CHARS}", param=param
        )
