"""MiniMax-M3: each value between tags of its member's name, lists and objects within one another.

`{ns}<invoke name="f">{ns}<city>Paris{ns}</city>{ns}<tags>{ns}<item>a{ns}</item>{ns}</tags>`
`{ns}</invoke>`, all calls in one block; `{ns}` is the marker before every tag.
"""

import json
from collections.abc import Sequence
from typing import Any

from velocity_local.worker.chat.tools import lark, parameters
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parameter_values import as_json, is_text, types
from velocity_local.worker.chat.tools.parser import Inexpressible, Mark, Offer
from velocity_local.worker.chat.tools.shapes import (
    Schema,
    check_name,
    members,
    properties,
    resolved,
)
from velocity_local.worker.chat.tools.value_lark import ValueRules

NAME = "minimax_m3"
TAG = "]<]minimax[>["
_ITEM = "item"
_MAX_DEPTH = 64
TAGS = parameters.Tags(
    block=f"{TAG}<tool_call>",
    block_end=f"{TAG}</tool_call>",
    call=f'{TAG}<invoke name="',
    call_name_end='">',
    call_end=f"{TAG}</invoke>",
    key=f"{TAG}<",
    key_end=">",
    value_end=f"{TAG}</",
    is_shared=True,
)
MARKERS = (TAG,)
TRIGGERS = (TAGS.block,)
OPENERS = ()


class Parser(parameters.ParameterParser):
    TAGS = TAGS

    def key(self) -> Steps[str | None]:
        yield from self.space()
        if (yield from self.peek(len(TAGS.value_end))) == TAGS.value_end:
            return None
        return (yield from super().key())

    def member(self, key: str, schema: Schema) -> Steps[bool]:
        return (yield from self._element(key, schema, 0))

    def _element(self, name: str, schema: Schema, depth: int) -> Steps[bool]:
        """A value up to its closing tag; False if the text ends first."""
        schema = self._resolved(schema)
        close = f"{TAGS.value_end}{name}>"
        if is_text(schema):
            return (yield from self.string(close))
        kinds = types(schema) or frozenset()
        if kinds & {"object", "array"}:
            yield from self.space()
        follows = yield from self.peek(len(TAGS.value_end))
        is_empty = follows == TAGS.value_end
        if follows.startswith(TAGS.key) and not is_empty and depth < _MAX_DEPTH:
            return (yield from self._group(schema, close, depth))
        if is_empty and kinds & {"object", "array"} and "string" not in kinds:
            self.send("{}" if "object" in kinds else "[]")
            return (yield from self._passed(close))
        return (yield from self._scalar(schema, close))

    def _scalar(self, schema: Schema, close: str) -> Steps[bool]:
        text = yield from self.collect_until(close)
        if text is not None:
            self.send(as_json(text, schema))
        return text is not None

    def _group(self, schema: Schema, close: str, depth: int) -> Steps[bool]:
        """Elements within an element: a list's items or an object's members."""
        known, kinds = properties(schema), types(schema)
        each: Any = schema.get("items")
        each = each if isinstance(each, dict) else {}
        key = yield from self.key()
        is_list = "object" not in kinds if kinds else key == _ITEM and _ITEM not in known
        self.send("[" if is_list else "{")
        between = ""
        while key is not None:
            self.send(between if is_list else f"{between}{json.dumps(key, ensure_ascii=False)}: ")
            inner = each if is_list else known.get(key, {})
            if not (yield from self._element(key, inner, depth + 1)):
                return False
            between = ", "
            key = yield from self.key()
        self.send("]" if is_list else "}")
        return (yield from self._passed(close))

    def _passed(self, close: str) -> Steps[bool]:
        """Read on behind `close`; False if the text ends first."""
        return (yield from self.stream_until(close, written=lambda _: "")) is not None

    def _resolved(self, schema: Schema) -> Schema:
        try:
            return resolved(self.root, str(schema["$ref"])) if "$ref" in schema else schema
        except Inexpressible:
            return {}


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    rules = lark.Rules()
    markup = lark.Markup(MARKERS, mark)
    newline = lark.quoted("\n")

    def form(tool: Offer) -> str:
        values = _Values(markup, rules, tool.parameters_schema)
        name = f"{markup.write(TAGS.call)} {lark.quoted(tool.name + TAGS.call_name_end)}"
        return f"{name} {values.members(tool.parameters_schema)} {markup.write(TAGS.call_end)}"

    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=f"{markup.write(TAGS.block)} {newline}",
        between=newline,
        after=f"{newline} {markup.write(TAGS.block_end)}",
        rules=rules,
    )


class _Values(ValueRules):
    def members(self, schema: Schema) -> str:
        parts = []
        for name, member, is_required in members(schema):
            element = self._element(name, member)
            parts.append(element if is_required else f"({element})?")
        return " ".join(parts) or lark.NOTHING

    def items(self, each: Schema, bounds: str) -> str:
        if not bounds:
            return lark.NOTHING
        item = self.rules.add(self.rules.name("item"), self._element(_ITEM, each))
        return f"{item} ({item}){bounds}"

    def text(self, schema: Schema, end: str) -> str:
        """A text without any tag, so that it cannot be taken for elements."""
        text = self.markup.text(schema, TAG, self.rules)
        return f"{text} {lark.quoted(end.removeprefix(TAG))}"

    def literal(self, value: object) -> str:
        if isinstance(value, dict | list) or TAG in str(value):
            raise Inexpressible("enum")
        source = value if isinstance(value, str) else json.dumps(value)
        return lark.quoted(source) or lark.NOTHING

    def _element(self, name: str, schema: Schema) -> str:
        check_name(name, "<>/")
        opening = f"{self.markup.write(TAGS.key)} {lark.quoted(f'{name}>')}"
        return f"{opening} {self.value(schema, f'{TAGS.value_end}{name}>')}"
