"""The chat template renders every kind of turn."""
# mypy: disable-error-code="import-not-found"

import json

import pytest
from jinja2.exceptions import TemplateError
from recipe import render
from recipe.text.exchange import Json, Message

WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
            "required": ["city"],
        },
    },
}
HELLO: list[Message] = [{"role": "user", "content": "Hello"}]


def call(arguments: Json) -> Message:
    function: Json = {"name": "get_weather", "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": function}],
    }


def test_a_question_ends_where_the_model_speaks() -> None:
    expected = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert render.prompt(HELLO) == expected


@pytest.mark.parametrize("role", ["system", "developer"])
def test_rules_become_a_system_turn(role: str) -> None:
    text = render.prompt([{"role": role, "content": "Be kind."}, *HELLO])
    assert text.startswith("<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user")


def test_thinking_is_asked_for_in_the_system_turn() -> None:
    text = render.prompt(HELLO, enable_thinking=True)
    assert text.startswith("<|im_start|>system\nThink before you answer.<|im_end|>\n")


def test_tools_are_listed_with_their_optional_parameters() -> None:
    text = render.prompt(HELLO, tools=[WEATHER])
    assert "<tools>\nget_weather(city, unit?): Get the weather\n</tools>" in text


def test_a_tool_without_parameters_is_listed() -> None:
    tool: Json = {"type": "function", "function": {"name": "list_models"}}
    assert "list_models()\n" in render.prompt(HELLO, tools=[tool])


@pytest.mark.parametrize("arguments", [{"city": "Paris"}, '{"city": "Paris"}'])
def test_a_call_is_written_as_json(arguments: Json) -> None:
    text = render.prompt([*HELLO, call(arguments)])
    written = text.split("<tool_call>\n")[1].split("\n</tool_call>")[0]
    assert json.loads(written) == {"name": "get_weather", "arguments": {"city": "Paris"}}


def test_answers_of_tools_share_one_turn() -> None:
    results: list[Message] = [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    text = render.prompt([*HELLO, call({}), *results])
    both = "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>"
    assert f"<|im_start|>user\n{both}" in text


def test_reasoning_comes_before_the_answer() -> None:
    answer: Message = {"role": "assistant", "reasoning_content": "Easy.", "content": "Hi."}
    assert "<think>\nEasy.\n</think>\n\nHi.<|im_end|>" in render.prompt([*HELLO, answer])


def test_text_parts_are_joined() -> None:
    parts: Json = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert render.prompt([{"role": "user", "content": parts}]) == render.prompt(HELLO)


@pytest.mark.parametrize(
    "message",
    [{"role": "wizard", "content": "x"}, {"role": "user", "content": [{"type": "image_url"}]}],
)
def test_what_the_model_cannot_read_is_refused(message: Message) -> None:
    with pytest.raises(TemplateError):
        render.prompt([message])


def test_a_longer_conversation_begins_with_the_shorter_one() -> None:
    longer: list[Message] = [*HELLO, {"role": "assistant", "content": "Hi."}, *HELLO]
    shorter = render.prompt(HELLO)
    assert render.prompt(longer).startswith(shorter)
