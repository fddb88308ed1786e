"""Writes the Lark of values in Gemma's notation: bare keys, and texts between markers."""

import json
from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.gemma_calls import CALL, GemmaForm
from velocity_local.worker.chat.tools.parser import Inexpressible, Offer
from velocity_local.worker.chat.tools.shapes import Schema, check_name, members
from velocity_local.worker.chat.tools.value_lark import ValueRules


def grammar(form: GemmaForm, tools: Sequence[Offer], markup: lark.Markup, *, parallel: bool) -> str:
    rules = lark.Rules()

    def call(tool: Offer) -> str:
        values = _Values(form, markup, rules, tool.parameters_schema)
        head = f"{markup.write(f'{form.open}{CALL}')} {lark.quoted(tool.name)}"
        return f"{head} {values.members(tool.parameters_schema)} {markup.write(form.close)}"

    return lark.calls(tools, call, parallel=parallel, rules=rules)


class _Values(ValueRules):
    def __init__(
        self, form: GemmaForm, markup: lark.Markup, rules: lark.Rules, root: Schema
    ) -> None:
        super().__init__(markup, rules, root)
        self._quote = form.quote

    def members(self, schema: Schema) -> str:
        parts = [
            (f"{_key(name)} {self.value(member)}", is_required)
            for name, member, is_required in members(schema)
        ]
        inside = lark.separated(parts, lark.quoted(","), self.rules)
        return f"{lark.quoted('{')} {inside} {lark.quoted('}')}"

    def items(self, each: Schema, bounds: str) -> str:
        if not bounds:
            return lark.quoted("[]")
        item = self.rules.add(self.rules.name("item"), self.value(each))
        more = f"({lark.quoted(',')} {item}){bounds}"
        return f"{lark.quoted('[')} {item} {more} {lark.quoted(']')}"

    def text(self, schema: Schema, end: str) -> str:
        text = self.markup.text(schema, self._quote, self.rules)
        return f"{self.markup.write(self._quote)} {text} {self.markup.write(end)}"

    def literal(self, value: object) -> str:
        if isinstance(value, dict | list) or self._quote in str(value):
            raise Inexpressible("enum")
        if not isinstance(value, str):
            return lark.quoted(json.dumps(value))
        quote = self.markup.write(self._quote)
        return f"{quote} {lark.quoted(value)} {quote}"


def _key(name: str) -> str:
    check_name(name, ':,{}[]<"')
    return lark.quoted(f"{name}:")
