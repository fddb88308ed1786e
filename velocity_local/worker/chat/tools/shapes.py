"""What of a JSON Schema a dialect can hold its arguments to, if it does not write them as JSON."""

from collections.abc import Mapping
from typing import Any

from velocity_local.worker.chat.tools.parser import Inexpressible

Schema = Mapping[str, Any]

MAX_MEMBER_NAME_CHARS = 200
# They ask nothing of a value.
_NOTES = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
        "$schema",
        "$id",
    ]
)
# What the schemas inside of an object share, and the matcher's own options.
_SHARED = ("$defs", "definitions", "x-guidance")
_OBJECT = frozenset({"type", "properties", "required", "additionalProperties"})
_LIST = frozenset({"type", "items", "minItems", "maxItems"})
_TEXT = frozenset({"type", "enum", "const", "minLength", "maxLength", "anyOf", "oneOf"})
# What a simpler schema keeps as it is, and what it looks into.
_KEPT = frozenset({"type", "required", "enum", "const", "$ref", "x-guidance"})
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf")


def properties(schema: Schema) -> dict[str, Schema]:
    """The schemas of an object's members, as far as they are objects themselves."""
    found = schema.get("properties")
    if not isinstance(found, dict):
        return {}
    return {name: member for name, member in found.items() if isinstance(member, dict)}


def members(schema: Schema) -> list[tuple[str, dict[str, Any], bool]]:
    """An object's members in their order: name, schema that stands alone, and if it is required.

    Raises:
        Inexpressible: if the object must be more than have these members.
    """
    _check(schema, _OBJECT)
    required = schema.get("required", [])
    shared = {key: schema[key] for key in _SHARED if key in schema}
    known = properties(schema)
    unknown: dict[str, Schema] = {name: {} for name in required if name not in known}
    return [
        (name, {**shared, **member}, name in required) for name, member in (known | unknown).items()
    ]


def check_list(schema: Schema) -> None:
    """Raises `Inexpressible` if more is asked of a list than its items and how many they are."""
    _check(schema, _LIST)


def check_only(schema: Schema, *known: str) -> None:
    """Raises `Inexpressible` if a schema has other keywords than these."""
    _check(schema, frozenset(known))


def check_alternatives(schema: Schema) -> None:
    """Raises `Inexpressible` if the alternatives are not all there is, or could be true together
    where only one of them may.
    """
    _check(schema, frozenset({"type", "anyOf", "oneOf"}))
    alternatives = schema.get("anyOf", schema.get("oneOf"))
    if not isinstance(alternatives, list) or not all(isinstance(one, dict) for one in alternatives):
        raise Inexpressible("anyOf")
    named = [one.get("type") for one in alternatives]
    if "oneOf" in schema and not (all(isinstance(one, str) for one in named) and _differ(named)):
        raise Inexpressible("oneOf")


def check_text(schema: Schema) -> None:
    """Raises `Inexpressible` if more is asked of a text than its length."""
    _check(schema, _TEXT)
    if "anyOf" in schema or "oneOf" in schema:
        check_alternatives(schema)
        for one in schema.get("anyOf", schema.get("oneOf", ())):
            _check(one, frozenset({"type"}))


def check_name(name: str, marks: str) -> None:
    """Raises `Inexpressible` if a member's bare name could not be read back: if it has one of the
    characters `marks`, which end it, or space at its ends, or is too long.
    """
    is_bare = name == name.strip() and not any(mark in name for mark in f"{marks}\r\n")
    if not is_bare or not 0 < len(name) <= MAX_MEMBER_NAME_CHARS:
        raise Inexpressible("properties")


def length(schema: Schema) -> str:
    """How often a text of this schema repeats a character, as regular expressions write it."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", "")
    return f"{{{least},{most}}}" if least or most != "" else "*"


def simpler(schema: Schema) -> list[dict[str, Any]]:
    """The schema, and what a dialect may hold its arguments to instead: the members' types, or
    nothing but their names.
    """
    named: dict[str, Any] = {key: schema[key] for key in _SHARED if key in schema}
    named["type"] = "object"
    named["properties"] = {name: {} for name in properties(schema)}
    required = schema.get("required", [])
    named["required"] = [name for name in required if isinstance(name, str)]
    typed = {key: value for key, value in _relaxed(schema).items() if key not in _LISTED}
    return [dict(schema), typed, named]


def resolved(root: Schema, path: str) -> Schema:
    """The schema that a reference names.

    Raises:
        Inexpressible: if there is none in `root`.
    """
    found: Any = root
    for key in path.removeprefix("#").strip("/").split("/"):
        if not isinstance(found, Mapping) or key not in found:
            raise Inexpressible("$ref")
        found = found[key]
    if not isinstance(found, Mapping):
        raise Inexpressible("$ref")
    return found


def _differ(names: list[Any]) -> bool:
    return len(set(names)) == len(names) and not {"integer", "number"} <= set(names)


def _relaxed(schema: Any) -> Any:
    """The members and types of a schema."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    for key in _NAMED:
        if isinstance(schema.get(key), dict):
            kept[key] = {name: _relaxed(one) for name, one in schema[key].items()}
    for key in _LISTED:
        if isinstance(schema.get(key), list):
            # What must be one of several may then be more than one of them.
            kept["anyOf"] = [_relaxed(one) for one in schema[key]]
    if "items" in schema:
        kept["items"] = _relaxed(schema["items"])
    return kept


def _check(schema: Schema, known: frozenset[str]) -> None:
    for keyword in schema:
        if keyword not in known and keyword not in _NOTES and keyword not in _SHARED:
            raise Inexpressible(keyword)
