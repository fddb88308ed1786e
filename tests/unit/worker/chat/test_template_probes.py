"""What a template can read, seen from small templates that read one thing each."""

from datetime import UTC, datetime

import pytest

from velocity_local.core.messages import Message, ToolCall
from velocity_local.worker.chat.chatml import CHATML
from velocity_local.worker.chat.conversation import KNOWS_ALL, TemplateKnowledge, message_dicts
from velocity_local.worker.chat.templates import ChatTemplate

NOON = datetime(2026, 7, 4, 12, tzinfo=UTC)
TEXTS = "{% for m in messages %}{{ m.content }}{% endfor %}"
LISTS = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}"
CALLS = """{%- for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}
{{- SPELLING }}{% endfor %}{% endfor %}"""
SHORT_IDS = """{%- for m in messages %}{% for c in m.tool_calls or [] %}
{%- if c.id|length != 9 %}{{ raise_exception('nine!') }}{% endif %}{{ c.id }}{% endfor %}
{%- if m.tool_call_id %}{{ m.tool_call_id }}{% endif %}{% endfor %}"""
CALL = Message("assistant", tool_calls=(ToolCall("call_0a1b2c3d4e5f", "f", '{"a": "ü"}'),))
RESULT = Message("tool", "3", tool_call_id="call_0a1b2c3d4e5f")


def knows(source: str) -> TemplateKnowledge:
    return ChatTemplate(source, {}, lambda: NOON).knows


@pytest.mark.parametrize(
    ("source", "parts", "text"),
    [
        pytest.param(TEXTS, False, True, id="prints a list as it is"),
        pytest.param(CHATML, False, True, id="fails on a list"),
        pytest.param(TEXTS.replace("m.content", "m.content|tojson"), False, True, id="as JSON"),
        pytest.param(LISTS, True, False, id="takes lists alone"),
        pytest.param(
            "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
            "{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}",
            True,
            True,
            id="takes both",
        ),
        pytest.param(LISTS + "{{ tools|length }}", True, False, id="wants tools"),
    ],
)
def test_lists_of_parts(source: str, parts: bool, text: bool) -> None:
    assert (knows(source).parts, knows(source).text) == (parts, text)


@pytest.mark.parametrize(
    ("spelling", "takes_objects"),
    [
        ("c.function.arguments|tojson", True),
        ("c.function.arguments", False),
        ("'args: ' + c.function.arguments", False),
        ("c.function.name", True),
    ],
)
def test_arguments_of_calls(spelling: str, takes_objects: bool) -> None:
    assert knows(CALLS.replace("SPELLING", spelling)).object_arguments == takes_objects


def test_ids_of_calls() -> None:
    assert not knows(SHORT_IDS).long_call_ids
    assert knows(CALLS.replace("SPELLING", "c.id")).long_call_ids
    assert knows("{{ raise_exception('never') }}").long_call_ids


def test_short_ids_still_match_their_results() -> None:
    older = KNOWS_ALL._replace(long_call_ids=False)
    call, result = message_dicts((CALL, RESULT), older)
    assert call["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == 9
    kept = Message("tool", "3", tool_call_id="abcdef123")
    assert message_dicts((kept,), older)[0]["tool_call_id"] == "abcdef123"


def test_arguments_as_text_are_what_the_client_sent() -> None:
    (call,) = message_dicts((CALL,), KNOWS_ALL._replace(object_arguments=False))
    assert call["tool_calls"][0]["function"]["arguments"] == '{"a": "ü"}'


def test_a_result_bears_the_name_of_its_tool() -> None:
    _, result = message_dicts((CALL, RESULT))
    assert result["name"] == "f"
    assert "name" not in message_dicts((RESULT,))[0]


def test_reasoning_goes_by_both_names() -> None:
    (turn,) = message_dicts((Message("assistant", "a", reasoning="r"),))
    assert (turn["thinking"], turn["reasoning_content"]) == ("r", "r")
