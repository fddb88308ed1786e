import pytest

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.requests import ChatPrompt
from velocity_local.worker.chat.conversation import (
    TemplateKnowledge,
    check_kwargs,
    continues_final,
    message_dicts,
    tool_dicts,
)

CALL = ToolCall("call_1", "add", '{"a": 1}')


def test_arguments_are_objects_when_they_parse() -> None:
    (turn,) = message_dicts((Message("assistant", tool_calls=(CALL,)),))
    function = {"name": "add", "arguments": {"a": 1}}
    assert turn["tool_calls"] == [{"id": "call_1", "type": "function", "function": function}]


@pytest.mark.parametrize("source", ['{"a":', "[1]", '"a"', "1" * 5000, "[" * 100_000])
def test_arguments_that_are_no_object_stay_text(source: str) -> None:
    call = ToolCall("call_1", "add", source)
    (turn,) = message_dicts((Message("assistant", tool_calls=(call,)),))
    assert turn["tool_calls"][0]["function"]["arguments"] == source


@pytest.mark.parametrize(
    ("message", "content"),
    [
        pytest.param(Message("assistant"), "", id="nothing said"),
        pytest.param(Message("assistant", tool_calls=(CALL,)), None, id="a call and no text"),
        pytest.param(Message("user", "hi"), "hi", id="text"),
    ],
)
def test_content(message: Message, content: str | None) -> None:
    (turn,) = message_dicts((message,))
    assert turn.get("content") == content


def test_only_what_is_there_is_told() -> None:
    (turn,) = message_dicts((Message("user", "hi"),))
    assert turn == {"role": "user", "content": "hi"}


def test_names_and_reasoning_and_call_ids_are_told() -> None:
    message = Message("tool", "3", name="add", reasoning="because", tool_call_id="call_1")
    (turn,) = message_dicts((message,))
    assert turn["name"] == "add"
    assert turn["reasoning_content"] == "because"
    assert turn["tool_call_id"] == "call_1"


OLD = TemplateKnowledge(developer=False, absent_content=False)


def test_developer_is_system_to_templates_that_do_not_know_it() -> None:
    messages = (Message("developer", "be brief"),)
    assert message_dicts(messages)[0]["role"] == "developer"
    assert message_dicts(messages, OLD)[0]["role"] == "system"


def test_a_call_without_text_has_empty_text_for_templates_that_need_one() -> None:
    (turn,) = message_dicts((Message("assistant", tool_calls=(CALL,)),), OLD)
    assert turn["content"] == ""


def test_tools_have_openai_shape() -> None:
    parameters = {"type": "object", "properties": {}}
    tools = tool_dicts((Tool("now", "the time", parameters),))
    function = {"name": "now", "description": "the time", "parameters": parameters}
    assert tools == [{"type": "function", "function": function}]


def test_a_tool_without_parameters_takes_none() -> None:
    tools = tool_dicts((Tool("now"),))
    assert tools is not None
    assert tools[0]["function"]["parameters"] == {"type": "object", "properties": {}}


def test_no_tools_are_none() -> None:
    assert tool_dicts(()) is None


@pytest.mark.parametrize("name", ["messages", "add_generation_prompt", "bos_token", "not a name"])
def test_a_kwarg_may_not_replace_the_templates_own(name: str) -> None:
    with pytest.raises(InvalidRequest, match=name) as raised:
        check_kwargs({name: "x"})
    assert raised.value.param == "chat_template_kwargs"


def test_too_many_kwargs_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="17 entries"):
        check_kwargs({f"k{i}": i for i in range(17)})


def test_an_assistants_last_word_is_continued() -> None:
    user, assistant = Message("user", "hi"), Message("assistant", "Well")
    assert continues_final(ChatPrompt((user, assistant)))
    assert not continues_final(ChatPrompt((assistant, user)))
