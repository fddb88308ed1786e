"""What a request of the dialect means, as the core request that reaches the gateway."""

from typing import Any

import msgspec
import pytest

from tests.contract.openai.samples import MESSAGES, TOOL
from velocity_local.config.settings import LimitSettings
from velocity_local.core.errors import InvalidRequest, RequestError
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.reasoning import Reasoning
from velocity_local.core.requests import ChatPrompt, GenerationRequest, TextPrompt, TokenPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.server.openai import translate
from velocity_local.wire.http import openai

TERMS = translate.Terms(SamplingParams(temperature=0.7), LimitSettings())
CALL = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}


def chat(**fields: Any) -> GenerationRequest:
    body = msgspec.convert(
        {"model": "demo", "messages": MESSAGES, **fields}, openai.ChatCompletionRequest
    )
    return translate.chat(body, "id", TERMS)


def prompt(**fields: Any) -> ChatPrompt:
    asked = chat(**fields).prompt
    assert isinstance(asked, ChatPrompt)
    return asked


def completions(**fields: Any) -> tuple[GenerationRequest, ...]:
    body = msgspec.convert({"model": "demo", "prompt": "a", **fields}, openai.CompletionRequest)
    return translate.completions(body, "id", TERMS)


CONVERSATIONS: dict[str, tuple[list[dict[str, Any]], tuple[Message, ...]]] = {
    "roles and names": (
        [
            {"role": "system", "content": "a", "name": "n"},
            {"role": "developer", "content": "b"},
            {"role": "user", "content": "c", "name": "m"},
        ],
        (Message("system", "a", "n"), Message("developer", "b"), Message("user", "c", "m")),
    ),
    "parts are joined by line breaks": (
        [{"role": "user", "content": [{"type": "text", "text": t} for t in ("a", "b")]}],
        (Message("user", "a\nb", parts=("a", "b")),),
    ),
    "no parts": ([{"role": "user", "content": []}], (Message("user", ""),)),
    "assistant prefill": (
        [*MESSAGES, {"role": "assistant", "content": "Well,"}],
        (Message("user", "hi"), Message("assistant", "Well,")),
    ),
    "a tool's turn": (
        [
            *MESSAGES,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "found", "tool_call_id": "1"},
        ],
        (
            Message("user", "hi"),
            Message("assistant", tool_calls=(ToolCall("1", "look_up", "{}"),)),
            Message("tool", "found", tool_call_id="1"),
        ),
    ),
    "reasoning is kept": (
        [{"role": "assistant", "content": "a", "reasoning_content": "b"}, *MESSAGES],
        (Message("assistant", "a", reasoning="b"), Message("user", "hi")),
    ),
    "a refusal is what was said": (
        [{"role": "assistant", "content": None, "refusal": "no"}, *MESSAGES],
        (Message("assistant", "no"), Message("user", "hi")),
    ),
    "a refusal as a part": (
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, *MESSAGES],
        (Message("assistant", "no"), Message("user", "hi")),
    ),
}


@pytest.mark.parametrize(("sent", "expected"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations(sent: list[dict[str, Any]], expected: tuple[Message, ...]) -> None:
    assert prompt(messages=sent).messages == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "image": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image_url", "image_url": {"url": "data:,"}},
                    ],
                }
            ]
        },
        "messages[0].content[1]",
    ),
    "refusal of a user": (
        {"messages": [{"role": "user", "content": [{"type": "refusal", "refusal": "no"}]}]},
        "messages[0].content[0]",
    ),
    "empty assistant turn": (
        {"messages": [*MESSAGES, {"role": "assistant"}]},
        "messages[1].content",
    ),
    "calls without results": (
        {"messages": [*MESSAGES, {"role": "assistant", "tool_calls": [CALL]}]},
        "messages[1].tool_calls",
    ),
    "function role": (
        {"messages": [{"role": "function", "content": "a", "name": "b"}]},
        "messages[0].role",
    ),
    "too many messages": ({"messages": MESSAGES * 2049}, "messages"),
    "too many tools": ({"tools": [TOOL] * 129}, "tools"),
    "custom tool": ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools[0]"),
    "choice without tools": ({"tool_choice": "auto"}, "tool_choice"),
    "too many stops": ({"stop": ["a"] * 17}, "stop"),
    "empty stop": ({"stop": ["a", ""]}, "stop"),
    "long stop": ({"stop": "a" * 1025}, "stop"),
    "too many choices": ({"n": 9}, "n"),
    "no choices": ({"n": 0}, "n"),
    "no tokens": ({"max_tokens": 0}, "max_tokens"),
    "two limits": ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
    "top without logprobs": ({"top_logprobs": 1}, "top_logprobs"),
    "many top logprobs": ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    "options without a stream": ({"stream_options": {}}, "stream_options"),
    "timings without a stream": ({"timings_per_token": True}, "timings_per_token"),
    "bias of no token": ({"logit_bias": {"a": 1}}, "logit_bias"),
    "bias of a negative token": ({"logit_bias": {"-1": 1}}, "logit_bias"),
    "bias of a token in other digits": ({"logit_bias": {"٣": 1}}, "logit_bias"),
    "strong bias": ({"logit_bias": {"1": 101}}, "logit_bias"),
    "many biases": ({"logit_bias": {str(i): 1 for i in range(1025)}}, "logit_bias"),
    "hot": ({"temperature": 101}, "temperature"),
    "negative seed": ({"seed": -1}, "seed"),
    "many metadata": ({"metadata": {str(i): "" for i in range(17)}}, "metadata"),
    "long metadata": ({"metadata": {"a": "b" * 513}}, "metadata"),
    "many kwargs": (
        {"chat_template_kwargs": {f"k{i}": 1 for i in range(17)}},
        "chat_template_kwargs",
    ),
    "reserved kwarg": ({"chat_template_kwargs": {"messages": 1}}, "chat_template_kwargs"),
    "another template": ({"chat_template_kwargs": {"chat_template": ""}}, "chat_template_kwargs"),
    "private kwarg": ({"chat_template_kwargs": {"__class__": 1}}, "chat_template_kwargs"),
    "long kwarg": ({"chat_template_kwargs": {"a": "b" * 1025}}, "chat_template_kwargs"),
    "many breakers": ({"dry_sequence_breakers": ["a"] * 33}, "dry_sequence_breakers"),
}


@pytest.mark.parametrize(("fields", "param"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_place(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        chat(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_what_is_not_said_is_the_servers_default() -> None:
    assert chat().sampling == SamplingParams(temperature=0.7)
    assert chat(top_k=3).sampling == SamplingParams(temperature=0.7, top_k=3)


def test_both_names_of_the_token_limit_may_agree() -> None:
    assert chat(max_tokens=3, max_completion_tokens=3).max_tokens == 3


def test_tools_are_offered_unless_none_may_be_called() -> None:
    offered = (Tool("look_up", parameters=TOOL["function"]["parameters"]),)
    assert prompt(tools=[TOOL], tool_choice="auto").tools == offered
    assert prompt(tools=[TOOL], tool_choice="none").tools == ()


def test_what_is_asked_of_the_reasoning_goes_to_the_worker() -> None:
    asked = prompt(reasoning_effort="low", chat_template_kwargs={"enable_thinking": True})
    assert asked.reasoning == Reasoning("low")
    assert asked.template_kwargs == {"enable_thinking": True}


BUDGETS = ("reasoning_budget_tokens", "thinking_budget_tokens", "thinking_token_budget")


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize(("sent", "expected"), [(0, 0), (64, 64), (-1, None)])
def test_a_reasoning_budget_has_three_names(name: str, sent: int, expected: int | None) -> None:
    assert prompt(**{name: sent}).reasoning == Reasoning(budget_tokens=expected)


def test_budgets_that_differ_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="differ"):
        prompt(reasoning_budget_tokens=1, thinking_token_budget=2)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("a", [TextPrompt("a")]),
        (["a", "b"], [TextPrompt("a"), TextPrompt("b")]),
        ([1, 2], [TokenPrompt((1, 2))]),
        ([[1, 2], [3]], [TokenPrompt((1, 2)), TokenPrompt((3,))]),
    ],
)
def test_prompts_of_completions(sent: Any, expected: list[Any]) -> None:
    assert [request.prompt for request in completions(prompt=sent)] == expected


def test_every_prompt_is_a_request_of_its_own() -> None:
    ids = [request.id for request in completions(prompt=["a", "b", "c"])]
    assert ids == ["id", "id-1", "id-2"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt[1]"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [[1], [2**31]]}, "prompt[1]"),
        ({"prompt": ["a"] * 65, "n": 2}, "prompt"),
        ({"logprobs": 21}, "logprobs"),
        ({"echo": True, "logprobs": 0}, "logprobs"),
        ({"best_of": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
    ],
)
def test_refusals_of_completions(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        completions(**fields)
    assert caught.value.param == param


def test_completions_stop_after_sixteen_tokens_unless_told() -> None:
    assert completions()[0].max_tokens == 16


@pytest.mark.parametrize("sent", ["", ["a", ""], []])
def test_there_must_be_something_to_embed(sent: Any) -> None:
    body = msgspec.convert({"model": "demo", "input": sent}, openai.EmbeddingsRequest)
    with pytest.raises(RequestError) as caught:
        translate.embeddings(body, "id")
    assert caught.value.param == "input"


def test_a_template_alone_is_asked_as_a_chat_would_ask_it() -> None:
    fields = {
        "messages": MESSAGES,
        "tools": [TOOL],
        "chat_template_kwargs": {"documents_style": "short"},
        "reasoning_effort": "low",
        "reasoning_budget_tokens": 32,
    }
    body = msgspec.convert(fields, openai.ApplyTemplateBody)
    assert translate.template(body, LimitSettings()) == prompt(**fields)


def test_a_budget_of_minus_one_is_none() -> None:
    assert prompt(thinking_budget_tokens=-1).reasoning == Reasoning()
