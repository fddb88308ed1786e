"""Which keywords are taken, and what is said of the others."""

from typing import Any

import pytest

from tests.contract.schemas.conftest import Formats
from velocity_local.core.errors import InvalidFormat, RequestError, UnsupportedField

REFUSED: dict[str, Any] = {
    "not": {},
    "if": {},
    "then": {},
    "else": {},
    "uniqueItems": True,
    "contains": {},
    "minContains": 1,
    "maxContains": 1,
    "propertyNames": {},
    "dependentRequired": {"a": ["b"]},
    "dependentSchemas": {"a": {}},
    "dependencies": {"a": ["b"]},
    "unevaluatedItems": False,
    "unevaluatedProperties": False,
    "$dynamicRef": "#a",
    "$recursiveRef": "#",
    "contentMediaType": "application/json",
    "contentEncoding": "base64",
    "nullable": True,
    "minLenght": 3,
    "x-guidance": {"lenient": True},
}


@pytest.mark.parametrize("keyword", REFUSED)
def test_a_keyword_that_is_not_enforced_is_named_with_its_place(
    keyword: str, formats: Formats
) -> None:
    inner = {"type": "string", keyword: REFUSED[keyword]}
    with pytest.raises(UnsupportedField) as caught:
        formats.of_schema({"type": "object", "properties": {"a": inner}})
    assert f"schema.properties.a.{keyword}" in caught.value.message
    assert caught.value.param == "schema"


ANNOTATIONS = {
    "title": "T",
    "description": "d",
    "default": 1,
    "examples": [1],
    "deprecated": True,
    "readOnly": True,
    "$comment": "c",
    "uniqueItems": False,
    "x-order": 3,
}


def test_annotations_are_taken(formats: Formats) -> None:
    accepts = formats.of_schema({"type": "integer", **ANNOTATIONS})
    assert accepts("1")
    assert not accepts('"a"')


def test_keywords_as_names_of_properties_are_names(formats: Formats) -> None:
    schema = {"properties": {"not": {"type": "null"}}, "required": ["not"], "type": "object"}
    assert formats.of_schema(schema)('{"not":null}')


OVERLOADED: dict[str, Any] = {
    "too deep": lambda: _nested(100),
    "too many properties": lambda: {"properties": {f"p{i}": {} for i in range(1001)}},
    "too many values": lambda: {"enum": list(range(5001))},
    "too large": lambda: {"const": "a" * 300_000},
    "too long a pattern": lambda: {"pattern": "a" * 5000},
    "no schema": lambda: {"properties": {"a": 1}},
    "no count": lambda: {"minLength": "a"},
    "half a count": lambda: {"maxItems": 1.5},
    "contradictory": lambda: {"type": "integer", "minimum": 3, "maximum": 2},
    "of no type": lambda: {"type": "text"},
    "a loop": lambda: {"$ref": "#"},
    "a longer loop": lambda: {
        "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
        "$ref": "#/$defs/a",
    },
    "nowhere": lambda: {"$ref": "#/$defs/a"},
    "an exploding product": lambda: {
        "allOf": [
            {"anyOf": [{"properties": {f"p{i}{j}": {"type": "string"}}} for j in range(4)]}
            for i in range(8)
        ]
    },
    "a pattern that looks ahead": lambda: {"type": "string", "pattern": "(?=a)a"},
    "a pattern that is none": lambda: {"type": "string", "pattern": "("},
    "a pattern that is too deep": lambda: {"type": "string", "pattern": "(" * 2000 + ")" * 2000},
    "false": lambda: False,
}


def _nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize("name", OVERLOADED)
def test_schemas_that_cannot_be_are_refused(name: str, formats: Formats) -> None:
    with pytest.raises(InvalidFormat) as caught:
        formats.of_schema(OVERLOADED[name]())
    assert caught.value.param == "schema"


def test_a_remote_reference_is_not_followed(formats: Formats) -> None:
    with pytest.raises(UnsupportedField, match=r"schema\.items\.\$ref"):
        formats.of_schema({"items": {"$ref": "https://example.com/schema"}})


def _variant(kind: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"kind": {"const": kind, "type": "string"}, "x": {"type": "integer"}},
        "required": ["kind", "x"],
        "additionalProperties": False,
    }


def test_variants_told_apart_by_a_constant_are_no_overlap(formats: Formats) -> None:
    schema = {
        "$defs": {"A": _variant("a"), "B": _variant("b")},
        "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        "discriminator": {"propertyName": "kind"},
    }
    accepts = formats.of_schema(schema)
    assert accepts('{"kind":"b","x":1}')
    assert not accepts('{"kind":"c","x":1}')


def test_variants_that_may_overlap_are_refused_by_name(formats: Formats) -> None:
    with pytest.raises(RequestError, match="oneOf"):
        formats.of_schema({"oneOf": [{"type": "integer"}, {"type": "number"}]})


def test_white_space_is_bounded(formats: Formats) -> None:
    accepts = formats.of_schema({"type": "array", "items": {"type": "integer"}})
    assert accepts("[1, 2]")
    assert accepts("[\n  1,\n  2\n]")
    assert not accepts("[1,\n\n2]")
    assert not accepts("[1,  2]")


DATES = {
    "2024-02-29": True,
    "2023-02-29": False,
    "1900-02-29": False,
    "2000-02-29": True,
    "2023-04-31": False,
    "2023-12-31": True,
    "0000-02-29": True,
}


@pytest.mark.parametrize("date", DATES)
def test_dates_are_of_the_calendar(date: str, formats: Formats) -> None:
    assert formats.of_schema({"type": "string", "format": "date"})(f'"{date}"') is DATES[date]


def test_a_date_keeps_its_pattern_as_well(formats: Formats) -> None:
    schema = {"type": "string", "format": "date", "pattern": "^2024"}
    accepts = formats.of_schema(schema)
    assert accepts('"2024-01-01"')
    assert not accepts('"2023-01-01"')
