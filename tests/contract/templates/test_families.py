"""Every real template is of a family whose forms it writes: the calls that it shows its model are
read back by the family's dialect.
"""

import json
from typing import Any

import pytest

from tests.contract.templates.sources import compiled, template, templates
from tests.contract.templates.test_reference import REFUSES
from tests.unit.worker.chat.test_tool_corpus import SCENES, TOOLS, Calls
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm, ChannelSplitter
from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.families import Family, family_of
from velocity_local.worker.chat.templates import TemplateFault
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.family_files import shipped_families

FAMILIES = shipped_families()
OFFERED = tuple(Tool(one.name, one.description or "It.", one.parameters_schema) for one in TOOLS)
# It takes tools within its own kind of system turn, and says nothing of how a call is written.
WITHOUT_A_FORM = {"ChatGLM4"}
# Families whose templates are not in the archive; their own makers publish them.
ELSEWHERE = {
    "EXAONE Deep",
    "FunctionGemma",
    "Granite 3.2",
    "Llama 3.2, Llama 4 and Gemma 3 taught to write Python",
    "Phi-4-mini",
}
# They show a model none of the calls it made.
WRITE_NO_CALL = {
    "LFM2-8B-A1B",
    "LFM2.5-Instruct",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "ibm-granite-granite-3.3-2B-Instruct",
    "ibm-granite/granite-3.0-8b-instruct",
    "yandex/YandexGPT-5-Lite-8B-instruct",
}
# They show the first call of each turn.
WRITE_ONE_CALL = {"GigaChat3-10B-A1.8B", "GigaChat3.1-10B-A1.8B", "openai-gpt-oss-120b"}
QUESTION, RESULT = "What is the weather?", "It is sunny."


def family_with(name: str) -> Family:
    return family_of(template(name), FAMILIES)


def written(name: str, calls: Calls) -> str | None:
    """What the template makes of an answer with these calls; None: it refuses them."""
    ours = compiled(name)
    made = tuple(
        ToolCall(f"abcdefgh{at}", tool, json.dumps(arguments, ensure_ascii=False))
        for at, (tool, arguments) in enumerate(calls)
    )
    results = tuple(Message("tool", RESULT, tool_call_id=call.id) for call in made)
    asked = (Message("user", QUESTION),)
    answered = (*asked, Message("assistant", None, tool_calls=made), *results)
    try:
        prompt, whole = (
            ours.render(
                message_dicts(turns, ours.knows), tool_dicts(OFFERED), {}, continues_final=False
            )
            for turns in (asked, answered)
        )
    except TemplateFault:
        return None
    # Some prompts go on with marks of a reasoning that the finished turn is without.
    start = len(prompt) if whole.startswith(prompt) else whole.index(QUESTION) + len(QUESTION)
    end = whole.find(RESULT, start)
    return whole[start:end] if end >= 0 else whole[start:]


def read_back(name: str, text: str) -> list[tuple[str, Any]]:
    family = family_with(name)
    form = framing(family.thinking)
    if isinstance(form, ChannelForm):
        splitter = ChannelSplitter(form)
        text = splitter.feed(text).content + splitter.flush().content
    parser = DIALECTS[family.tools or ""].Parser(lambda index: f"call_{index}", TOOLS)
    calls: list[list[str]] = []
    for delta in (call for part in (parser.feed(text), parser.finish()) for call in part.calls):
        if delta.name is not None:
            calls.append([delta.name, ""])
        calls[-1][1] += delta.arguments
    return [(tool, json.loads(arguments)) for tool, arguments in calls]


def without_nulls(value: Any) -> Any:
    """What is left of arguments if members that are null are left out."""
    if isinstance(value, dict):
        return {key: without_nulls(one) for key, one in value.items() if one is not None}
    return value


def test_a_template_that_takes_tools_has_a_dialect() -> None:
    takes_tools = {name for name in templates() if "tools" in compiled(name).variables}
    assert len(takes_tools) >= 60
    assert {name for name in takes_tools if not family_with(name).tools} == WITHOUT_A_FORM


def test_the_archive_has_a_template_of_each_family() -> None:
    found = {family_with(name).name for name in templates()}
    assert {family.name for family in FAMILIES} - found == ELSEWHERE


def test_a_template_is_of_one_family() -> None:
    for name in templates():
        found = [family.name for family in FAMILIES if family.recognises(template(name))]
        assert len(found) <= 1, name


@pytest.mark.parametrize("name", sorted(REFUSES))
@pytest.mark.parametrize("kind", ["single", "parallel", "nested", "unicode"])
def test_what_a_template_writes_of_calls_is_read_back(name: str, kind: str) -> None:
    if not family_with(name).tools:
        assert "tools" not in compiled(name).variables or name in WITHOUT_A_FORM
        return
    calls = SCENES[kind].calls
    text = written(name, calls)
    if text is None:
        assert REFUSES[name]
        return
    found = read_back(name, text)
    if name in WRITE_NO_CALL:
        assert found == []
    elif name in WRITE_ONE_CALL:
        assert found == calls[:1]
    else:
        # One template leaves members out that are null.
        assert found in (calls, [(tool, without_nulls(given)) for tool, given in calls])
