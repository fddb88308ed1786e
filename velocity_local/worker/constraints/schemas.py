"""JSON Schemas as llguidance can enforce them: each keyword is kept, dropped for good reason, or
refused by name and place.

The compiler behind it ignores keywords that it does not know, lets a schema turn its checks off
(`x-guidance`), and takes very long over very large schemas: so all of a schema is looked at here.
"""

from typing import Any

import msgspec

from velocity_local.core.errors import InvalidFormat, UnsupportedField
from velocity_local.worker.constraints import dates, keywords
from velocity_local.worker.constraints.disjoint import are_disjoint
from velocity_local.worker.constraints.patterns import translated

Schema = dict[str, Any] | bool

MAX_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_SCHEMAS = 10_000
MAX_PROPERTIES = 1_000
MAX_VALUES = 5_000
MAX_PATTERN_CHARS = 4_096
# Where llguidance looks for its own options
_OPTIONS = "x-guidance"
# White space between the parts of an answer: a space, or a new line that may be indented. Models
# that may write more sometimes do nothing else.
_WHITESPACE = r" |\r?\n[ \t]{0,20}"


def enforceable(schema: Any, param: str) -> Schema:
    """The schema with nothing in it that would not be enforced.

    `param` is the field it came in, for errors. The result is another object.

    Raises:
        UnsupportedField: naming the keyword that cannot be enforced, and its place.
        InvalidFormat: if it is no schema, or larger than any honest one.
    """
    size = len(msgspec.json.encode(schema))
    if size > MAX_BYTES:
        raise InvalidFormat(f"{param} has {size} bytes; at most {MAX_BYTES}", param=param)
    return _Walk(schema, param).schema(schema, param, 0)


def with_options(schema: Schema) -> dict[str, Any]:
    """The schema, told how much white space an answer may have."""
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}
    return {_OPTIONS: {"whitespace_pattern": _WHITESPACE}, **schema}


class _Walk:
    def __init__(self, root: Any, param: str) -> None:
        self._root = root
        self._param = param
        self._n_schemas = 0

    def schema(self, schema: Any, place: str, depth: int) -> Schema:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise self._invalid(place, "a schema is an object, true or false")
        self._n_schemas += 1
        if depth > MAX_DEPTH or self._n_schemas > MAX_SCHEMAS:
            raise self._invalid(
                place, f"a schema has up to {MAX_SCHEMAS} schemas in it and {MAX_DEPTH} levels"
            )
        kept: dict[str, Any] = {}
        for keyword, value in schema.items():
            self._keep(kept, keyword, value, f"{place}.{keyword}", depth)
        return self._adjusted(kept, place)

    def _keep(self, kept: dict[str, Any], keyword: str, value: Any, place: str, depth: int) -> None:
        if keyword in keywords.SCHEMAS and isinstance(value, list):
            kept[keyword] = [
                self.schema(each, f"{place}[{i}]", depth + 1) for i, each in enumerate(value)
            ]
        elif keyword in keywords.SCHEMA:
            kept[keyword] = self.schema(value, place, depth + 1)
        elif keyword in keywords.NAMED_SCHEMAS:
            kept[keyword] = self._named(value, place, depth)
        elif keyword in keywords.VALUES:
            self._check_value(keyword, value, place)
            kept[keyword] = self._count(value, place) if keyword in keywords.COUNTS else value
        elif keyword in keywords.NAMES:
            kept[keyword] = value
        elif not (keyword in keywords.ANNOTATIONS or _is_neutral(keyword, value)):
            raise self._unsupported(place, f"the keyword {keyword[:80]!r} is not enforced here")

    def _named(self, value: Any, place: str, depth: int) -> dict[str, Schema]:
        if not isinstance(value, dict):
            raise self._invalid(place, "it holds schemas by name")
        if len(value) > MAX_PROPERTIES:
            raise self._invalid(place, f"{len(value)} entries; at most {MAX_PROPERTIES}")
        return {
            name: self.schema(each, f"{place}.{name[:80]}", depth + 1)
            for name, each in value.items()
        }

    def _check_value(self, keyword: str, value: Any, place: str) -> None:
        if keyword == "enum" and not (isinstance(value, list) and len(value) <= MAX_VALUES):
            raise self._invalid(place, f"a list of up to {MAX_VALUES} values")
        if keyword == "$ref" and not (isinstance(value, str) and value.startswith("#")):
            raise self._unsupported(place, "only references within the schema are followed")
        if keyword == "pattern" and not (
            isinstance(value, str) and len(value) <= MAX_PATTERN_CHARS
        ):
            raise self._invalid(place, f"a text of up to {MAX_PATTERN_CHARS} characters")
        if keyword == "format" and not (isinstance(value, str) and value in keywords.FORMATS):
            known = ", ".join(sorted(keywords.FORMATS))
            raise self._unsupported(place, f"of formats, these are enforced: {known}")

    def _count(self, value: Any, place: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            raise self._invalid(place, "it is a whole number")
        return int(value)

    def _adjusted(self, kept: dict[str, Any], place: str) -> Schema:
        """With the keywords in place that the compiler takes too loosely, or not at all."""
        if "pattern" in kept:
            kept["pattern"] = translated(kept["pattern"])
        if "patternProperties" in kept:
            kept["patternProperties"] = {
                translated(pattern): each for pattern, each in kept["patternProperties"].items()
            }
        if kept.get("format") in dates.PATTERNS:
            pattern = {"pattern": dates.PATTERNS[kept.pop("format")]}
            kept["allOf"] = [*kept.get("allOf", ()), pattern]
        if "additionalItems" in kept and not _is_plain_list(kept):
            raise self._unsupported(
                f"{place}.additionalItems", "it needs items, as a list, and no schemas beside it"
            )
        if "minProperties" in kept:
            self._adjust_min_properties(kept, place)
        if isinstance(kept.get("oneOf"), list) and are_disjoint(kept["oneOf"], self._root):
            branches = {"anyOf": kept.pop("oneOf")}
            kept["allOf"] = [*kept.get("allOf", ()), branches]
        return kept

    def _adjust_min_properties(self, kept: dict[str, Any], place: str) -> None:
        """More than one beyond those required: a name that comes twice would count twice."""
        required = kept.get("required")
        n_required = len(set(map(str, required))) if isinstance(required, list) else 0
        least = kept["minProperties"]
        if least <= n_required:
            kept.pop("minProperties")
        elif least > 1:
            raise self._unsupported(
                f"{place}.minProperties", "more properties than are required cannot be counted"
            )

    def _unsupported(self, place: str, why: str) -> UnsupportedField:
        return UnsupportedField(f"{place}: {why}", param=self._param)

    def _invalid(self, place: str, why: str) -> InvalidFormat:
        return InvalidFormat(f"{place}: {why}", param=self._param)


def _is_plain_list(kept: dict[str, Any]) -> bool:
    return isinstance(kept.get("items"), list) and not kept.keys() & keywords.APPLICATORS


def _is_neutral(keyword: str, value: Any) -> bool:
    is_extension = keyword.startswith("x-") and keyword != _OPTIONS
    return is_extension or (keyword in keywords.NEUTRAL and value is keywords.NEUTRAL[keyword])
