import json
from typing import Any

import pytest

from velocity_local.worker.chat.tools.parameter_values import as_json
from velocity_local.worker.chat.tools.python_values import from_python

OPTIONAL = {"anyOf": [{"type": "string"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("5", {"type": "integer"}, 5),
        ("5", {"type": "number"}, 5),
        ("5", {"type": "string"}, "5"),
        ("5", {}, 5),
        ("5", {"type": ["string", "integer"]}, 5),
        ("5", OPTIONAL, "5"),
        ("null", OPTIONAL, None),
        ("null", {"type": "string"}, "null"),
        ("True", {"type": "boolean"}, True),
        ("None", OPTIONAL, None),
        ("five", {"type": "integer"}, "five"),
        (" a \n", {"type": "string"}, " a \n"),
        ("NaN", {"type": "number"}, "NaN"),
        ('{"a": [1]}', {"type": "object"}, {"a": [1]}),
        ("2", {"enum": [1, 2]}, 2),
        ("x", {"enum": ["x", 1]}, "x"),
        ("[" * 10_000, {"type": "array"}, "[" * 10_000),
    ],
)
def test_a_text_is_what_its_schema_allows(text: str, schema: dict[str, Any], expected: Any) -> None:
    assert json.loads(as_json(text, schema)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'a': [1, True, None], 'b': \"it's\"}", {"a": [1, True, None], "b": "it's"}),
        ("['x', ('y', 2)]", ["x", ["y", 2]]),
        ("{}", {}),
    ],
)
def test_what_python_prints_is_json(text: str, expected: Any) -> None:
    assert json.loads(from_python(text)) == expected


@pytest.mark.parametrize("text", ["five", "{a} then more", "'x'"])
def test_other_text_stays(text: str) -> None:
    assert from_python(text) == text
