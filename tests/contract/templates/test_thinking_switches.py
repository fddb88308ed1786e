"""What a request asks of the reasoning changes real prompts, family by family."""

from functools import cache

import pytest

from tests.contract.templates.sources import compiled, template
from tests.contract.templates.test_reference import REFUSES
from velocity_local.core.errors import UnsupportedField
from velocity_local.core.messages import Message, Tool
from velocity_local.core.reasoning import Reasoning
from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.families import family_of
from velocity_local.worker.chat.switches import Resolved, Switches, resolve
from velocity_local.worker.chat.templates import TemplateFault
from velocity_local.worker.family_files import shipped_families
from velocity_local.worker.prompts import switches_of

ASKED = (Message("user", "Why?"),)
TOOLS = (Tool("f", "Does.", {"type": "object", "properties": {}}),)
# Templates that take an effort in words of their own.
IN_WORDS = {
    "Cohere2MoE": {"none": "none"},
    "Kimi-K3": {"low": "low", "medium": "high", "high": "high", "max": "max"},
    "deepseek-ai-DeepSeek-V4": {"max": "max", "xhigh": "max"},
    "openai-gpt-oss-120b": {"minimal": "low", "low": "low", "medium": "medium", "high": "high"},
    "tencent-Hy3": {"none": "no_think", "low": "low", "medium": "high", "high": "high"},
    "muse-glimmer": {"low": "low", "high": "high"},
}


@cache
def _switches(name: str) -> Switches:
    read = compiled(name)
    family = family_of(template(name), shipped_families())
    return switches_of(family.thinking, template(name), read.variables, read.effort_levels)


def _text(name: str, resolved: Resolved) -> str:
    ours = compiled(name)
    turns = message_dicts(ASKED, ours.knows)
    try:
        return ours.render(turns, None, resolved.kwargs, continues_final=False)
    except TemplateFault:
        tools = tool_dicts(TOOLS)
        return ours.render(turns, tools, resolved.kwargs, continues_final=False)


@pytest.mark.parametrize("name", sorted(set(REFUSES) - {"fireworks-ai-llama-3-firefunction-v2"}))
def test_reasoning_is_turned_off_and_on_or_refused(name: str) -> None:
    switches = _switches(name)
    off = resolve(Reasoning("none"), {}, switches)
    if not switches.reasons:
        assert off == Resolved({}, None)
        with pytest.raises(UnsupportedField, match="no reasoning"):
            resolve(Reasoning("high"), {}, switches)
        return
    assert off.kwargs or off.budget_tokens == 0
    on = resolve(Reasoning("high"), {}, switches)
    assert on.budget_tokens is None
    if off.kwargs:
        assert _text(name, off) != _text(name, on)


@pytest.mark.parametrize("name", IN_WORDS)
def test_efforts_are_told_in_the_templates_words(name: str) -> None:
    switches = _switches(name)
    assert switches.effort_name is not None
    for effort, word in IN_WORDS[name].items():
        resolved = resolve(Reasoning(effort), {}, switches)  # type: ignore[arg-type]  # each is one
        assert resolved.kwargs[switches.effort_name] == word
        assert resolved.budget_tokens is None
        assert _text(name, resolved)


def test_most_families_reason_and_can_be_stopped() -> None:
    reasoning = [name for name in REFUSES if _switches(name).reasons]
    assert len(reasoning) >= 40
    assert all(_switches(name).can_be_closed for name in reasoning)
