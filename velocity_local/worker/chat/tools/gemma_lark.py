"""Writes the Lark of values in Gemma's notation from their JSON Schema.

Objects, lists, texts, choices and references are written out; numbers and the like are JSON. A
keyword that this cannot hold a value to is refused by name.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.gemma_calls import CALL, GemmaForm
from velocity_local.worker.chat.tools.parameter_values import Schema, members, types
from velocity_local.worker.chat.tools.parser import Offer

_NOTES = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
_KNOWN = {
    "object": frozenset({"type", "properties", "required", "additionalProperties"}),
    "array": frozenset({"type", "items", "minItems", "maxItems"}),
    "string": frozenset({"type", "minLength", "maxLength"}),
}


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
        _check(schema, "object")
        parts = [
            (f"{lark.quoted(f'{name}:')} {self._value(member)}", is_required)
            for name, member, is_required in members(schema)
        ]
        inside = lark.separated(parts, lark.quoted(","), self._rules)
        return f"{lark.quoted('{')} {inside} {lark.quoted('}')}"

    def _value(self, schema: Schema) -> str:
        if "$ref" in schema:
            return self._reference(str(schema["$ref"]))
        alternatives = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(alternatives, list):
            return f"({' | '.join(self._value(one) for one in alternatives)})"
        if "enum" in schema or "const" in schema:
            chosen = schema["enum"] if "enum" in schema else [schema["const"]]
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
        _check(schema, "array")
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if most == 0:
            return lark.quoted("[]")
        item = self._rules.add(self._rules.name("item"), self._value(schema.get("items", {})))
        bounds = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}"
        items = f"{item} ({lark.quoted(',')} {item}){bounds}"
        return f"{lark.quoted('[')} {items if least else f'({items})?'} {lark.quoted(']')}"

    def _text(self, schema: Schema) -> str:
        _check(schema, "string")
        return f"{self._markup.write(self._quote)} " + self._markup.text(
            schema, self._quote, self._rules
        )

    def _literal(self, value: object) -> str:
        if isinstance(value, str):
            return self._markup.write(f"{self._quote}{value}{self._quote}")
        if isinstance(value, dict | list):
            raise lark.Inexpressible("enum")
        return lark.quoted(json.dumps(value))

    def _reference(self, path: str) -> str:
        if path not in self._references:
            name = self._references[path] = self._rules.name("shared")
            self._rules.add(name, self._value(_resolved(self._root, path)))
        return self._references[path]


def _check(schema: Schema, kind: str) -> None:
    """Refuse a keyword that the rules of `kind` would not enforce."""
    for keyword in schema:
        if keyword not in _KNOWN[kind] | _NOTES | {"$defs", "definitions"}:
            raise lark.Inexpressible(keyword)


def _resolved(root: Schema, path: str) -> Schema:
    found: Any = root
    for key in path.removeprefix("#").strip("/").split("/"):
        if not isinstance(found, Mapping) or key not in found:
            raise lark.Inexpressible("$ref")
        found = found[key]
    if not isinstance(found, Mapping):
        raise lark.Inexpressible("$ref")
    return found
