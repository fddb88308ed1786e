"""Control tokens and template syntax in what others say, through every real template: whatever a
template does with a text, nothing of it is control, and nothing of it is run.
"""

import re

import pytest

from tests.contract.templates.sources import compiled, template
from tests.contract.templates.test_reference import REFUSES
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.control import ControlTexts
from velocity_local.worker.chat.conversation import message_dicts, tool_dicts
from velocity_local.worker.chat.families import family_of
from velocity_local.worker.chat.templates import TemplateFault
from velocity_local.worker.chat.tools.dialects import DIALECTS
from velocity_local.worker.family_files import shipped_families

USUAL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<|eot_id|>", "[INST]")
# What a template writes that may be a control token of its model.
_LIKELY = re.compile(r"<\|[a-zA-Z_]+\|?>|<｜[^｜<>{}]+｜>|\[/?[A-Z_]{3,}\]|<[a-z_]+>|</[a-z_]+>")
SYNTAX = "{{ 'z' * 9 }} {% if true %} {# note #} ${x} {%- raw %}"


def control_of(name: str) -> tuple[str, ...]:
    source = template(name)
    family = family_of(source, shipped_families())
    dialect = DIALECTS.get(family.tools or "")
    known = (*framing(family.thinking).markers, *(dialect.MARKERS if dialect else ()))
    return tuple(dict.fromkeys(filter(None, (*USUAL, *known, *_LIKELY.findall(source)))))


def rendered(name: str, said: str, *, turns: int, with_tools: bool) -> str | None:
    """What the template makes of a conversation in which others say `said`; None: refused."""
    texts = ControlTexts(control_of(name))
    tool = Tool(
        "f",
        f"Does {said}",
        {
            "type": "object",
            "properties": {said: {"type": "string", "description": said, "enum": [said, "a"]}},
            "required": [said],
        },
    )
    call = ToolCall("abcdefghi", "f", '{"a": "b"}')
    messages = (
        Message("user", f"I say {said}"),
        Message("assistant", "I look.", tool_calls=(call,)),
        Message("tool", f"It says {said}", tool_call_id="abcdefghi"),
    )[:turns]
    ours = compiled(name)
    try:
        return ours.render(
            message_dicts(texts.mark_messages(messages), ours.knows),
            tool_dicts(texts.mark_tools((tool,) if with_tools else ())),
            {},
            continues_final=False,
        )
    except TemplateFault:
        return None


def n_control(name: str, text: str) -> int:
    """Control tokens that would be read as such."""
    control = control_of(name)
    tokens = re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))))
    pieces = ControlTexts(control).pieces(text)
    return sum(len(tokens.findall(piece.text)) for piece in pieces if not piece.is_plain)


# Turns of the conversation, and whether a tool is offered.
CASES = ((1, False), (1, True), (3, True))
# These want what no conversation of a client has.
NEVER = ("ai-sage/GigaChat-20B-A3B-instruct", "fireworks-ai-llama-3-firefunction-v2")


@pytest.mark.parametrize("name", sorted(set(REFUSES) - set(NEVER)))
def test_what_others_say_is_never_control(name: str) -> None:
    control = control_of(name)
    said = f"{''.join(control)} {' '.join(control)} {SYNTAX}"
    plain = f"{'a' * len(control)} {' '.join('a' for _ in control)} {SYNTAX}"
    n_rendered = 0
    for turns, with_tools in CASES:
        hostile = rendered(name, said, turns=turns, with_tools=with_tools)
        harmless = rendered(name, plain, turns=turns, with_tools=with_tools)
        assert (hostile is None) is (harmless is None)
        if hostile is None or harmless is None:
            continue
        n_rendered += 1
        assert n_control(name, hostile) == n_control(name, harmless)
        assert "zzzzzzzzz" not in hostile
        shown = "".join(piece.text for piece in ControlTexts(control).pieces(hostile))
        assert not any(mark in shown.lower() for mark in ("f0000", "f0001", "\U000f0000"))
    assert n_rendered
