"""Writes the Lark of values in Gemma's notation from their JSON Schema.

Objects, lists, texts, choices and references are written out; numbers and the like are JSON. A
keyword that this cannot hold a value to is refused by name.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.gemma_calls import CALL, GemmaForm
from velocity_local.worker.chat.tools.parameter_values import types
from velocity_local.worker.chat.tools.parser import Inexpressible, Offer
from velocity_local.worker.chat.tools.shapes import (
    Schema,
    check_alternatives,
    check_list,
    check_only,
    members,
)


def grammar(form: GemmaForm, tools: Sequence[Offer], markup: lark.Markup, *, parallel: bool) -> str:
    rules = lark.Rules()

    def call(tool: Offer) -> str:
        values = _Values(form, markup, rules, tool.parameters_schema)
        head = markup.write(f"{form.open}{CALL}{tool.name}")
        return f"{head} {values.members(tool.parameters_schema)} {markup.write(form.close)}"

    return lark.calls(tools, call, parallel=parallel, rules=rules)


class _Values:
    """The rules for one tool's values; `root` is where its references lead."""

    def __init__(
        self, form: GemmaForm, markup: lark.Markup, rules: lark.Rules, root: Schema
    ) -> None:
        self._quote = form.quote
        self._markup = markup
        self._rules = rules
        self._root = root
        self._references: dict[str, str] = {}

    def members(self, schema: Schema) -> str:
        parts = [
            (f"{lark.quoted(f'{name}:')} {self._value(member)}", is_required)
            for name, member, is_required in members(schema)
        ]
        inside = lark.separated(parts, lark.quoted(","), self._rules)
        return f"{lark.quoted('{')} {inside} {lark.quoted('}')}"

    def _value(self, schema: Schema) -> str:
        if "$ref" in schema:
            check_only(schema, "$ref")
            return self._reference(str(schema["$ref"]))
        if "anyOf" in schema or "oneOf" in schema:
            check_alternatives(schema)
            alternatives = schema.get("anyOf", schema.get("oneOf", []))
            return f"({' | '.join(self._value(one) for one in alternatives)})"
        if "enum" in schema or "const" in schema:
            check_only(schema, "enum", "const", "type")
            chosen = [schema["const"]] if "const" in schema else schema["enum"]
            return f"({' | '.join(map(self._literal, chosen))})"
        allowed = sorted(types(schema) or ("string", "number", "boolean", "null"))
        return f"({' | '.join(self._of_type(kind, schema) for kind in allowed)})"

    def _of_type(self, kind: str, schema: Schema) -> str:
        match kind:
            case "object":
                return self.members(schema)
            case "array":
                return self._list(schema)
            case "string":
                return self._text(schema)
            case _:
                return lark.json_of({**schema, "type": kind})

    def _list(self, schema: Schema) -> str:
        check_list(schema)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return lark.quoted("[]")
        items = schema.get("items", {})
        each = self._value(items if isinstance(items, Mapping) else {})
        item = self._rules.add(self._rules.name("item"), each)
        bounds = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}"
        all_items = f"{item} ({lark.quoted(',')} {item}){bounds}"
        inside = all_items if least else f"({all_items})?"
        return f"{lark.quoted('[')} {inside} {lark.quoted(']')}"

    def _text(self, schema: Schema) -> str:
        return f"{self._markup.write(self._quote)} " + self._markup.text(
            schema, self._quote, self._rules
        )

    def _literal(self, value: object) -> str:
        if isinstance(value, str):
            return self._markup.write(f"{self._quote}{value}{self._quote}")
        if isinstance(value, dict | list):
            raise Inexpressible("enum")
        return lark.quoted(json.dumps(value))

    def _reference(self, path: str) -> str:
        if path not in self._references:
            name = self._references[path] = self._rules.name("shared")
            self._rules.add(name, self._value(_resolved(self._root, path)))
        return self._references[path]


def _resolved(root: Schema, path: str) -> Schema:
    found: Any = root
    for key in path.removeprefix("#").strip("/").split("/"):
        if not isinstance(found, Mapping) or key not in found:
            raise Inexpressible("$ref")
        found = found[key]
    if not isinstance(found, Mapping):
        raise Inexpressible("$ref")
    return found
