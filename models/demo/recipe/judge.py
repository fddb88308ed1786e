"""Says whether an answer passes the judgement written beside its prompt. Pure."""

import json
import re
from collections.abc import Callable
from typing import Any

CALL = re.compile(r"<tool_call>\n(.*?)\n</tool_call>", re.DOTALL)
THOUGHT = re.compile(r"\A<think>\n.+?\n</think>\n\n(.+)\Z", re.DOTALL)


def calls(answer: str) -> list[Any] | None:
    """The tool calls in an answer, or None where one is not JSON."""
    try:
        return [json.loads(text) for text in CALL.findall(answer)]
    except ValueError:
        return None


def _object(answer: str) -> dict[str, Any] | None:
    try:
        value = json.loads(answer)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


CHECKS: dict[str, Callable[[Any, str, int], bool]] = {
    "contains": lambda wanted, answer, _: wanted in answer,
    "equals": lambda wanted, answer, _: answer == wanted,
    "calls": lambda wanted, answer, _: calls(answer) == wanted,
    "thinks": lambda wanted, answer, _: (THOUGHT.match(answer) is not None) == wanted,
    "json": lambda wanted, answer, _: _object(answer) == wanted,
    "keys": lambda wanted, answer, _: list(_object(answer) or {}) == wanted,
    "tokens_at_least": lambda wanted, _, n_tokens: n_tokens >= wanted,
}


def passes(judge: dict[str, Any], answer: str, *, n_tokens: int, ended: bool) -> bool:
    """Whether the answer ended by itself and is what the judgement asks for."""
    ((kind, wanted),) = judge.items()
    return ended and CHECKS[kind](wanted, answer, n_tokens)
