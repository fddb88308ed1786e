"""Tells, for certain or not at all, that no value fits two schemas: then `oneOf` is `anyOf`."""

import json
from itertools import combinations
from typing import Any

_MAX_HOPS = 8
_MAX_BRANCHES = 64
_ALL = frozenset({"null", "boolean", "number", "string", "array", "object"})


def are_disjoint(branches: list[Any], root: Any) -> bool:
    """True if no two of the schemas have a value in common; False means only: not known."""
    if len(branches) > _MAX_BRANCHES:
        return False
    resolved = [_resolved(branch, root) for branch in branches]
    return all(_differ(a, b, root) for a, b in combinations(resolved, 2))


def _differ(a: Any, b: Any, root: Any) -> bool:
    if not (isinstance(a, dict) and isinstance(b, dict)):
        return False
    if not _types(a) & _types(b):
        return True
    values_a, values_b = _values(a), _values(b)
    if values_a is not None and values_b is not None and not values_a & values_b:
        return True
    return _types(a) == _types(b) == {"object"} and any(
        _property_differs(a, b, name, root) for name in _required(a) & _required(b)
    )


def _property_differs(a: Any, b: Any, name: str, root: Any) -> bool:
    values = [
        _values(_resolved(_mapping(schema, "properties").get(name), root)) for schema in (a, b)
    ]
    return None not in values and not (values[0] or set()) & (values[1] or set())


def _types(schema: dict[str, Any]) -> frozenset[str]:
    sent = schema.get("type", sorted(_ALL))
    names = sent if isinstance(sent, list) else [sent]
    return frozenset("number" if name == "integer" else str(name) for name in names)


def _values(schema: Any) -> set[str] | None:
    """The JSON texts of all values, if the schema lists them and no numbers are among them."""
    if not isinstance(schema, dict):
        return None
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(listed, list) or not all(isinstance(v, str | bool | None) for v in listed):
        return None
    return {json.dumps(value) for value in listed}


def _required(schema: dict[str, Any]) -> set[str]:
    sent = schema.get("required")
    return {name for name in sent if isinstance(name, str)} if isinstance(sent, list) else set()


def _mapping(schema: dict[str, Any], key: str) -> dict[str, Any]:
    value = schema.get(key)
    return value if isinstance(value, dict) else {}


def _resolved(schema: Any, root: Any) -> Any:
    """The schema behind a local reference that stands alone."""
    for _ in range(_MAX_HOPS):
        if not isinstance(schema, dict) or set(schema) - {"description", "title"} != {"$ref"}:
            return schema
        schema = _at(root, schema["$ref"])
    return None


def _at(root: Any, reference: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    place = root
    for step in reference[2:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or key not in place:
            return None
        place = place[key]
    return place
