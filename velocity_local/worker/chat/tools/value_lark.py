"""Writes the Lark of values that are not JSON from their JSON Schema.

A notation adds how it writes objects, lists, texts and choices; numbers and the like are JSON. A
keyword that this cannot hold a value to is refused by name.
"""

from collections.abc import Mapping
from typing import Any

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.parameter_values import types
from velocity_local.worker.chat.tools.shapes import (
    Schema,
    check_alternatives,
    check_list,
    check_only,
    resolved,
)


class ValueRules:
    """The rules for one tool's values; `root` is where its references lead. Of every value `end`
    is the text that closes it.
    """

    def __init__(self, markup: lark.Markup, rules: lark.Rules, root: Schema) -> None:
        self.markup = markup
        self.rules = rules
        self._root = root
        self._references: dict[tuple[str, str], str] = {}

    def members(self, schema: Schema) -> str:
        """An object's members, in the order of its schema."""
        raise NotImplementedError

    def items(self, each: Schema, bounds: str) -> str:
        """A list's items; `bounds` repeats all but the first, or is empty for a list of none."""
        raise NotImplementedError

    def text(self, schema: Schema, end: str) -> str:
        raise NotImplementedError

    def literal(self, value: object) -> str:
        """The one value, without what closes it."""
        raise NotImplementedError

    def value(self, schema: Schema, end: str = "") -> str:
        """Any value that keeps to `schema`, and `end`."""
        if "$ref" in schema:
            check_only(schema, "$ref")
            return self._reference(str(schema["$ref"]), end)
        if "anyOf" in schema or "oneOf" in schema:
            check_alternatives(schema)
            alternatives = schema.get("anyOf", schema.get("oneOf", []))
            return f"({' | '.join(self.value(one, end) for one in alternatives)})"
        if "enum" in schema or "const" in schema:
            check_only(schema, "enum", "const", "type")
            chosen = [schema["const"]] if "const" in schema else schema["enum"]
            return f"({' | '.join(map(self.literal, chosen))}) {self.markup.write(end)}"
        allowed = sorted(types(schema) or ("string", "number", "boolean", "null"))
        return f"({' | '.join(self._of_type(kind, schema, end) for kind in allowed)})"

    def _of_type(self, kind: str, schema: Schema, end: str) -> str:
        close = self.markup.write(end)
        match kind:
            case "object":
                return f"{self.members(schema)} {close}"
            case "array":
                return f"{self._list(schema)} {close}"
            case "string":
                return self.text(schema, end)
            case _:
                return f"{lark.json_of({**schema, 'type': kind})} {close}"

    def _list(self, schema: Schema) -> str:
        check_list(schema)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        each: Any = schema.get("items", {})
        each = each if isinstance(each, Mapping) else {}
        if most == 0:
            return self.items(each, "")
        bounds = f"{{{max(0, least - 1)},{'' if most is None else most - 1}}}"
        some = self.items(each, bounds)
        return some if least else f"({some} | {self.items(each, '')})"

    def _reference(self, path: str, end: str) -> str:
        if (path, end) not in self._references:
            name = self._references[path, end] = self.rules.name("shared")
            self.rules.add(name, self.value(resolved(self._root, path), end))
        return self._references[path, end]
