"""Values that a dialect writes as bare text, turned into JSON by what their schema allows.

A text is a string where the schema allows strings and nothing else; else it is read as JSON if it
is JSON of an allowed type, and is a string again if it is not. So every value becomes JSON.
"""

import json
from typing import Any

from velocity_local.worker.chat.tools.shapes import Schema

_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
# How a template that prints values with Python's own words shows them.
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def types(schema: Schema) -> frozenset[str] | None:
    """The JSON types a schema names; None if it does not say."""
    named = schema.get("type")
    if isinstance(named, str):
        return frozenset({named})
    if isinstance(named, list):
        return frozenset(item for item in named if isinstance(item, str))
    if isinstance(schema.get("enum"), list):
        return frozenset(_type(item) for item in schema["enum"])
    if "const" in schema:
        return frozenset({_type(schema["const"])})
    return _types_of_any(schema.get("anyOf", schema.get("oneOf")))


def is_text(schema: Schema) -> bool:
    """True if every value is a string, so that none has to be looked at to know its type."""
    return types(schema) == frozenset({"string"})


def allows_text(schema: Schema) -> bool:
    allowed = types(schema)
    return allowed is not None and "string" in allowed


def as_json(text: str, schema: Schema) -> str:
    """`text` as the JSON source of one value."""
    allowed = types(schema)
    source = text.strip()
    if not is_text(schema):
        source = _PYTHON.get(source, source)
        if _is_json(source, allowed):
            return source
    return json.dumps(text, ensure_ascii=False)


def escaped(text: str) -> str:
    """`text` as it stands within a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _is_json(source: str, allowed: frozenset[str] | None) -> bool:
    try:
        value = json.loads(source, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    found = _type(value)
    return allowed is None or found in allowed or (found == "integer" and "number" in allowed)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _type(value: object) -> str:
    return _TYPES.get(type(value), "object")


def _types_of_any(alternatives: object) -> frozenset[str] | None:
    if not isinstance(alternatives, list) or not alternatives:
        return None
    found = [types(one) if isinstance(one, dict) else None for one in alternatives]
    known = [one for one in found if one is not None]
    return frozenset().union(*known) if len(known) == len(found) else None
