"""Writes the Lark that forces tool calls. Knows the syntax of llguidance and no dialect.

https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from velocity_local.worker.chat.tools.parser import Offer

Form = Callable[[Offer], str]
"""The Lark source of one call of a tool."""


def quoted(text: str) -> str:
    """`text` as a Lark string; empty for no text, which Lark has no string for."""
    return json.dumps(text, ensure_ascii=False) if text else ""


def json_of(schema: dict[str, Any]) -> str:
    """An inline JSON value that keeps to `schema`."""
    return "%json " + json.dumps(schema, ensure_ascii=False)


def arguments_of(tool: Offer) -> str:
    """A tool's arguments as a JSON object."""
    return json_of({"type": "object", **tool.parameters_schema})


def calls(
    tools: Sequence[Offer],
    form: Form,
    *,
    parallel: bool,
    before: str = "",
    between: str = "",
    after: str = "",
) -> str:
    """One call, or several with `between` between them; the strings are Lark source.

    `before` and `after` stand once around all of them.
    """
    assert tools
    more = f"({between} call)*" if parallel else ""
    names = [f"call_{index}" for index in range(len(tools))]
    rules = [
        f"start: {before} call {more} {after}",
        f"call: {' | '.join(names)}",
        *(f"{name}: {form(tool)}" for name, tool in zip(names, tools, strict=True)),
    ]
    return "\n".join(rules) + "\n"


def json_call(
    tool: Offer,
    *,
    name: str = "name",
    arguments: str = "arguments",
    before: str = "",
    after: str = "",
) -> str:
    """A call as a JSON object with these two keys, with the texts `before` and `after` it."""
    spelled = json.dumps(tool.name, ensure_ascii=False)
    head = quoted(f'{before}{{"{name}": {spelled}, "{arguments}": ')
    return f"{head} {arguments_of(tool)} {quoted('}' + after)}"
