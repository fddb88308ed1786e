"""Every field of every endpoint, nested ones included, with every hostile value: a documented
success or a 4xx that names the field, never a 500.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.contract.openai.samples import BASES, BESIDE, HOSTILE, MALFORMED, TOOL
from tests.support.asgi import Answer, call
from tests.support.scripted import Stage
from velocity_local.daemon.server.guards import AsgiApp
from velocity_local.wire.http import openai

BODIES: dict[str, type[msgspec.Struct]] = {
    "/v1/chat/completions": openai.ChatCompletionRequest,
    "/v1/completions": openai.CompletionRequest,
    "/v1/embeddings": openai.EmbeddingsRequest,
    "/tokenize": openai.TokenizeBody,
    "/detokenize": openai.DetokenizeBody,
    "/apply-template": openai.ApplyTemplateBody,
}

PLACE = "\x7f"  # stands where the hostile value goes

CONVERSATION = [
    {"role": "system", "content": "be brief", "name": "a"},
    {"role": "developer", "content": "be kind", "name": "a"},
    {"role": "user", "content": [{"type": "text", "text": "hi"}], "name": "a"},
    {
        "role": "assistant",
        "content": "hm",
        "name": "a",
        "refusal": None,
        "reasoning_content": "so",
        "audio": None,
        "function_call": None,
        "annotations": [],
        "tool_calls": [
            {
                "id": "1",
                "index": 0,
                "type": "function",
                "function": {"name": "look_up", "arguments": "{}"},
            }
        ],
    },
    {"role": "tool", "content": "found", "tool_call_id": "1", "name": "a"},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
    {"role": "function", "content": "x", "name": "a"},
]
NESTED: dict[str, Any] = {
    "messages": CONVERSATION,
    "tools": [
        {
            "type": "function",
            "function": {**TOOL["function"], "description": "finds", "strict": True},
        },
        {"type": "custom", "custom": {"name": "a", "description": "b", "format": None}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "stream_options": {"include_usage": True, "include_obfuscation": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    "logit_bias": {"17": 1},
    "metadata": {"key": "value"},
    "chat_template_kwargs": {"key": "value"},
    "prediction": {"type": "content", "content": "a"},
    "audio": {"format": "wav", "voice": "alloy"},
    "function_call": {"name": "a"},
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "prompt": ["a", [1, 2]],
    "input": ["a", [1, 2]],
    "stop": ["a"],
    "structured_outputs": {"json": {"type": "object"}, "choice": ["a"]},
}


def places(field: str) -> Iterator[Any]:
    """The field itself, and its sample with each leaf and branch in turn replaced."""
    yield PLACE
    if field in NESTED:
        yield from _replaced(NESTED[field])


def _replaced(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield {**value, key: PLACE}
            yield from ({**value, key: changed} for changed in _replaced(inner))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield [*value[:i], PLACE, *value[i + 1 :]]
            yield from ([*value[:i], changed, *value[i + 1 :]] for changed in _replaced(inner))


def bodies(path: str, field: str) -> Iterator[tuple[str, bytes]]:
    """(name of the hostile value, body) for one field of one endpoint."""
    mark = msgspec.json.encode(PLACE)
    for place in places(field):
        body = {**BASES[path], **BESIDE.get(field, {}), field: place}
        text = msgspec.json.encode(body)
        assert text.count(mark) == 1
        for name, value in HOSTILE.items():
            yield name, text.replace(mark, value)


def judge(field: str, name: str, answer: Answer) -> str | None:
    """What is wrong with an answer, if anything is."""
    if answer.status == 200:
        return "malformed JSON was accepted" if name in MALFORMED else None
    if not 400 <= answer.status < 500:
        return f"status {answer.status}"
    param = answer.error["param"]
    if name in MALFORMED:
        has_place = param is not None or answer.error["message"]
        return None if has_place else "neither field nor place is named"
    is_named = param is not None and param.split(".")[0].split("[")[0] == field
    return None if is_named else f"param is {param!r}: {answer.error['message'][:100]}"


FIELDS = [(path, field) for path, body in BODIES.items() for field in body.__struct_fields__]


@pytest.mark.parametrize(("path", "field"), FIELDS, ids=[f"{p} {f}" for p, f in FIELDS])
async def test_every_hostile_value_has_a_documented_answer(path: str, field: str) -> None:
    app: AsgiApp = Stage().app()
    problems = []
    for name, body in bodies(path, field):
        problem = judge(field, name, await call(app, "POST", path, body=body))
        if problem is not None:
            problems.append((name, body[:200], problem))
    assert not problems


def test_the_matrix_is_as_large_as_it_says() -> None:
    cases = sum(1 for path, field in FIELDS for _ in bodies(path, field))
    assert cases > 9_000
    print(f"field matrix: {len(FIELDS)} fields, {cases} cases")


def test_nested_samples_are_of_known_fields() -> None:
    known = {field for _, field in FIELDS}
    assert set(NESTED) <= known
