import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.reasoning import Scalar
from velocity_local.worker.chat.chatml import CHATML
from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.templates import ChatTemplate, TemplateFault

TEMPLATES = Path(__file__).parents[3] / "corpora" / "templates"
NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def _compile(source: str) -> ChatTemplate:
    return ChatTemplate(source, TOKENS, lambda: NOON)


def _render(
    source: str,
    *messages: Message,
    tools: tuple[Tool, ...] = (),
    continues_final: bool = False,
    **kwargs: Scalar,
) -> str:
    return _compile(source).render(
        message_dicts(messages), tool_dicts(tools), kwargs, continues_final=continues_final
    )


SYSTEM = Message("system", "Be brief.")
HELLO = Message("user", "Hello")
HI = Message("assistant", "Hi!")
AGAIN = Message("user", " Again ")
CALL = Message("assistant", tool_calls=(ToolCall("call_1", "add", '{"a": 1, "ü": "<b>"}'),))
RESULT = Message("tool", "3", tool_call_id="call_1")
TALK = (SYSTEM, HELLO, HI, AGAIN)
ADD = Tool("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})

# Templates in the styles of well-known families, written for these tests.
HERMES, LLAMA, MISTRAL, GEMMA = (
    (TEMPLATES / f"{style}.jinja").read_text(encoding="utf-8")
    for style in ("hermes", "llama", "mistral", "gemma")
)

GOLDEN = [
    pytest.param(
        CHATML,
        TALK,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi!<|im_end|>\n<|im_start|>user\n Again <|im_end|>\n"
        "<|im_start|>assistant\n",
        id="chatml",
    ),
    pytest.param(
        LLAMA,
        TALK,
        "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 04 Jul 2026\n\nBe brief."
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAgain<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        id="llama",
    ),
    pytest.param(
        MISTRAL,
        TALK,
        "<s>[INST] Hello[/INST] Hi!</s>[INST] Be brief.\n\n Again [/INST]",
        id="mistral",
    ),
    pytest.param(
        GEMMA,
        TALK[1:],
        "<s><start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\nHi!<end_of_turn>\n"
        "<start_of_turn>user\nAgain<end_of_turn>\n<start_of_turn>model\n",
        id="gemma",
    ),
    pytest.param(
        HERMES,
        (HELLO, CALL, RESULT),
        "<|im_start|>user\nHello<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "ü": "<b>"}}\n'
        "</tool_call><|im_end|>\n"
        "<|im_start|>user\n<tool_response>3</tool_response><|im_end|>\n<|im_start|>assistant\n",
        id="hermes calls",
    ),
]


@pytest.mark.parametrize(("source", "messages", "expected"), GOLDEN)
def test_golden(source: str, messages: tuple[Message, ...], expected: str) -> None:
    assert _render(source, *messages) == expected


def test_tools_are_written_as_json() -> None:
    text = _render(HERMES, SYSTEM, HELLO, tools=(ADD,))
    assert text == (
        "<|im_start|>system\nBe brief.\n\nTools:\n"
        '{"type": "function", "function": {"name": "add", "description": "Adds.", '
        '"parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}'
        "<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_kwargs_reach_the_template() -> None:
    assert _render(HERMES, HELLO, enable_thinking=False).endswith("<think>\n\n</think>\n\n")


def test_a_template_may_refuse() -> None:
    with pytest.raises(TemplateFault, match="System role not supported"):
        _render(GEMMA, SYSTEM, HELLO)
    with pytest.raises(TemplateFault, match="roles must alternate"):
        _render(MISTRAL, HELLO, AGAIN)


PREFILL = Message("assistant", "The answer is ")


@pytest.mark.parametrize(
    ("source", "end"),
    [
        pytest.param(CHATML, "<|im_start|>assistant\nThe answer is ", id="keeps space"),
        pytest.param(LLAMA, "assistant<|end_header_id|>\n\nThe answer is", id="trims"),
        pytest.param(MISTRAL, "[/INST] The answer is", id="trims before the end token"),
    ],
)
def test_a_final_assistant_message_is_left_open(source: str, end: str) -> None:
    assert _render(source, HELLO, PREFILL, continues_final=True).endswith(end)


def test_what_is_continued_may_occur_before() -> None:
    turns = (Message("user", "yes"), Message("assistant", "yes"))
    text = _render(CHATML, *turns, continues_final=True)
    assert text == "<|im_start|>user\nyes<|im_end|>\n<|im_start|>assistant\nyes"


def test_a_template_that_hides_the_last_message_cannot_continue_it() -> None:
    with pytest.raises(TemplateFault, match="cannot be continued"):
        _render("{{ messages[0].content }}", HELLO, PREFILL, continues_final=True)


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        pytest.param(HERMES, True, id="handles calls"),
        pytest.param("{% for m in messages %}{{ m.content }}{% endfor %}", True, id="prints it"),
        pytest.param("{% for m in messages %}{{ m.get('content') }}{% endfor %}", False, id="None"),
        pytest.param(CHATML, False, id="fails on None"),
    ],
)
def test_it_is_known_whether_a_call_may_lack_text(source: str, reads: bool) -> None:
    assert _compile(source).knows.absent_content == reads


def test_it_is_known_whether_developer_is_a_role() -> None:
    assert not _compile(CHATML).knows.developer
    assert _compile("{{ 'developer' in messages }}").knows.developer


SEMANTICS = [
    pytest.param(case["source"], case["expected"], id=case["name"])
    for case in tomllib.loads((TEMPLATES / "semantics.toml").read_text(encoding="utf-8"))["case"]
]


@pytest.mark.parametrize(("source", "expected"), SEMANTICS)
def test_semantics(source: str, expected: str) -> None:
    assert _render(source, HELLO) == expected


FAULTS = [
    pytest.param("{% if %}", "line 1", id="syntax"),
    pytest.param("{{ 1 / 0 }}", "division", id="arithmetic"),
    pytest.param("{{ missing.thing }}", "missing", id="undefined"),
    pytest.param("{{ 'a' + 1 }}", "str", id="types"),
    pytest.param("{{ messages[9].content }}", "no element 9", id="index"),
    pytest.param("{{ ''.__class__.__mro__ }}", "unsafe", id="dunder"),
    pytest.param("{{ messages.append(1) }}", "append", id="changing the messages"),
    pytest.param("{{ lipsum() }}", "lipsum", id="lipsum is gone"),
    pytest.param("{% include 'x' %}", "loader", id="include"),
    pytest.param("{{ 'x' * 9000000 }}{{ 'x' * 9000000 }}", "more than", id="too much text"),
]


@pytest.mark.parametrize(("source", "reason"), FAULTS)
def test_fault(source: str, reason: str) -> None:
    with pytest.raises(TemplateFault, match=reason):
        _render(source, HELLO)


def test_messages_are_not_changed_by_continuing() -> None:
    turns: list[dict[str, Any]] = [{"role": "assistant", "content": "a"}]
    _compile(CHATML).render(turns, None, {}, continues_final=True)
    assert turns == [{"role": "assistant", "content": "a"}]
