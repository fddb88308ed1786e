"""What a request holds its answer to, as the core values that reach the worker."""

from typing import Any

import msgspec
import pytest

from tests.contract.openai.samples import MESSAGES, TOOL
from velocity_local.config.settings import LimitSettings
from velocity_local.core.errors import RequestError
from velocity_local.core.formats import (
    AnswerFormat,
    ChoiceFormat,
    GrammarFormat,
    JsonFormat,
    RegexFormat,
    ToolUse,
)
from velocity_local.core.requests import GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.server.openai import translate
from velocity_local.wire.http import openai

TERMS = translate.Terms(SamplingParams(), LimitSettings())
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
OTHER = {"type": "function", "function": {"name": "note"}}


def chat(**fields: Any) -> GenerationRequest:
    body = {"model": "demo", "messages": MESSAGES, **fields}
    return translate.chat(msgspec.convert(body, openai.ChatCompletionRequest), "id", TERMS)


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [named(name) for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


FORMATS: dict[str, tuple[dict[str, Any], AnswerFormat | None]] = {
    "text": ({"response_format": {"type": "text"}}, None),
    "any object": (
        {"response_format": {"type": "json_object"}},
        JsonFormat(param="response_format", schema={"type": "object"}),
    ),
    "llama.cpp's json_object with a schema": (
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        JsonFormat(param="response_format", schema=SCHEMA),
    ),
    "a schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
            }
        },
        JsonFormat(param="response_format.json_schema.schema", schema=SCHEMA),
    ),
    "llama.cpp's json_schema": (
        {"json_schema": SCHEMA},
        JsonFormat(param="json_schema", schema=SCHEMA),
    ),
    "llama.cpp's grammar": (
        {"grammar": 'root ::= "a"'},
        GrammarFormat(param="grammar", source='root ::= "a"'),
    ),
    "vLLM's json": (
        {"structured_outputs": {"json": SCHEMA}},
        JsonFormat(param="structured_outputs.json", schema=SCHEMA),
    ),
    "vLLM's json as text": (
        {"structured_outputs": {"json": '{"type": "object"}'}},
        JsonFormat(param="structured_outputs.json", schema={"type": "object"}),
    ),
    "vLLM's regex": (
        {"structured_outputs": {"regex": "a+"}},
        RegexFormat(param="structured_outputs.regex", pattern="a+"),
    ),
    "vLLM's choice": (
        {"structured_outputs": {"choice": ["a", "b"]}},
        ChoiceFormat(param="structured_outputs.choice", texts=("a", "b")),
    ),
    "vLLM's grammar": (
        {"structured_outputs": {"grammar": 'start: "a"'}},
        GrammarFormat(param="structured_outputs.grammar", source='start: "a"'),
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    fields, expected = FORMATS[name]
    assert chat(**fields).format == expected


WRONG_FORMATS: dict[str, tuple[dict[str, Any], str]] = {
    "two at once": (
        {"response_format": {"type": "json_object"}, "grammar": 'root ::= "a"'},
        "grammar",
    ),
    "two in one": (
        {"structured_outputs": {"regex": "a", "choice": ["a"]}},
        "structured_outputs.choice",
    ),
    "none in it": ({"structured_outputs": {}}, "structured_outputs"),
    "no choices": ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
    "an empty choice": ({"structured_outputs": {"choice": [""]}}, "structured_outputs.choice"),
    "an empty regex": ({"structured_outputs": {"regex": ""}}, "structured_outputs.regex"),
    "an empty grammar": ({"grammar": " "}, "grammar"),
    "no JSON": ({"structured_outputs": {"json": "{"}}, "structured_outputs.json"),
    "no schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}},
        "response_format",
    ),
    "a grammar beside tools": ({"grammar": 'root ::= "a"', "tools": [TOOL]}, "grammar"),
}


@pytest.mark.parametrize("name", WRONG_FORMATS)
def test_formats_that_are_refused_by_name(name: str) -> None:
    fields, param = WRONG_FORMATS[name]
    with pytest.raises(RequestError) as caught:
        chat(**fields)
    assert caught.value.param == param


def test_completions_have_the_extensions() -> None:
    body = {"model": "demo", "prompt": ["a", "b"], "json_schema": SCHEMA}
    asked = translate.completions(msgspec.convert(body, openai.CompletionRequest), "id", TERMS)
    assert [each.format for each in asked] == [JsonFormat(param="json_schema", schema=SCHEMA)] * 2


USES: dict[str, tuple[dict[str, Any], ToolUse]] = {
    "nothing said": ({}, ToolUse()),
    "auto": ({"tool_choice": "auto"}, ToolUse()),
    "required": ({"tool_choice": "required"}, ToolUse(is_required=True)),
    "one at a time": ({"parallel_tool_calls": False}, ToolUse(is_parallel=False)),
    "named": (
        {"tool_choice": named("note")},
        ToolUse(is_required=True, only=("note",), is_parallel=False),
    ),
    "some": ({"tool_choice": allowed("auto", "note")}, ToolUse(only=("note",))),
    "one of some": (
        {"tool_choice": allowed("required", "note", "look_up"), "parallel_tool_calls": False},
        ToolUse(is_required=True, only=("note", "look_up"), is_parallel=False),
    ),
}


@pytest.mark.parametrize("name", USES)
def test_tool_use(name: str) -> None:
    fields, expected = USES[name]
    asked = chat(tools=[TOOL, OTHER], **fields)
    assert asked.tool_use == expected


WRONG_USES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": (named("nothing"), "tool_choice.function.name"),
    "an unknown name among some": (
        allowed("auto", "note", "nothing"),
        "tool_choice.allowed_tools.tools[1]",
    ),
    "some, but none": (allowed("auto"), "tool_choice.allowed_tools.tools"),
    "no function": (
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp", "server_label": "x"}]},
        },
        "tool_choice.allowed_tools.tools[0]",
    ),
    "a custom tool": ({"type": "custom", "custom": {"name": "note"}}, "tool_choice"),
}


@pytest.mark.parametrize("name", WRONG_USES)
def test_tool_uses_that_are_refused_by_name(name: str) -> None:
    choice, param = WRONG_USES[name]
    with pytest.raises(RequestError) as caught:
        chat(tools=[TOOL, OTHER], tool_choice=choice)
    assert caught.value.param == param
