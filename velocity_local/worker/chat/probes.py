"""What a template can read: found by giving it small conversations, never by its name."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.reasoning import Scalar
from velocity_local.worker.chat.conversation import (
    KNOWS_ALL,
    TemplateKnowledge,
    message_dicts,
    tool_dicts,
)
from velocity_local.worker.chat.switches import EFFORTS, OFF_WORDS, RANKS, SWITCHES

_Dicts = list[dict[str, Any]]
# Renders messages with tools and variables; None if the template refuses them.
Render = Callable[[_Dicts, _Dicts | None, Mapping[str, Scalar]], str | None]

_MARKS = ("velocity-a", "velocity-b")
_ARGUMENTS = json.dumps({_MARKS[0]: _MARKS[1]})
_SHORT_ID, _LONG_ID = "a1b2c3d4e", "call_0123456789abcdef01234567"
_TOOLS = tool_dicts((Tool("f", "x", {"type": "object", "properties": {}}),))
_PLAIN = (Message("user", _MARKS[0]),)
_PARTS = (Message("user", "\n".join(_MARKS), parts=_MARKS),)


def knowledge_of(source: str, render: Render) -> TemplateKnowledge:
    """What the template with this source can read; `render` is asked about ten times."""
    knows_parts = _reads_parts(render)
    return TemplateKnowledge(
        developer="developer" in source,
        absent_content=_reads_absent_content(render),
        parts=knows_parts,
        text=not knows_parts or _MARKS[0] in _text(render, _PLAIN),
        object_arguments=_reads_object_arguments(render),
        long_call_ids=_reads_long_call_ids(render),
    )


def effort_levels(variables: frozenset[str], render: Render) -> tuple[str, ...]:
    """The words for reasoning effort that make a difference.

    A template that writes down any word it is given leaves it to the model to understand it;
    `low`, `medium` and `high` are what models are taught then.
    """
    name = next((name for name in EFFORTS if name in variables), None)
    if name is None:
        return ()
    switched_on = {switch: on for switch, (_, on) in SWITCHES.items() if switch in variables}
    nonsense = _text(render, _PLAIN, kwargs={**switched_on, name: _MARKS[1]})
    if _MARKS[1] in nonsense:
        return ("low", "medium", "high")
    words = [*OFF_WORDS, *RANKS]
    texts = {word: _text(render, _PLAIN, kwargs={**switched_on, name: word}) for word in words}
    return tuple(word for word in words if texts[word] not in ("", nonsense))


def _reads_absent_content(render: Render) -> bool:
    text = _text(render, _call(_SHORT_ID, content=None), offers_tools=True)
    return text != "" and "None" not in text


def _reads_parts(render: Render) -> bool:
    """Whether the texts of a list are written, and not the list as Python or JSON spells it."""
    text = _text(render, _PARTS)
    parts = message_dicts(_PARTS)[0]["content"]
    return all(mark in text for mark in _MARKS) and not any(
        spelt in text for spelt in (str(parts), json.dumps(parts), json.dumps(parts[0]))
    )


def _reads_object_arguments(render: Render) -> bool:
    """False only if the same arguments as a text come out better."""
    call = _call(_SHORT_ID)
    spelt_wrongly = str(json.loads(_ARGUMENTS))
    text = _text(render, call, offers_tools=True)
    if text and spelt_wrongly not in text:
        return True
    texts_only = KNOWS_ALL._replace(object_arguments=False)
    return _ARGUMENTS not in _text(render, call, texts_only, offers_tools=True)


def _reads_long_call_ids(render: Render) -> bool:
    """False only if it refuses those, and takes the nine characters that Mistral asks for."""
    texts = (_text(render, _call(id_), offers_tools=True) for id_ in (_LONG_ID, _SHORT_ID))
    return next(texts) != "" or next(texts) == ""


def _call(call_id: str, content: str | None = "") -> tuple[Message, ...]:
    return (
        Message("user", "x"),
        Message("assistant", content, tool_calls=(ToolCall(call_id, "f", _ARGUMENTS),)),
        Message("tool", "x", name="f", tool_call_id=call_id),
    )


def _text(
    render: Render,
    messages: tuple[Message, ...],
    knows: TemplateKnowledge = KNOWS_ALL,
    kwargs: Mapping[str, Scalar] = MappingProxyType({}),
    *,
    offers_tools: bool = False,
) -> str:
    """What it makes of them; empty if it refuses. Some templates only render with tools."""
    turns = message_dicts(messages, knows)
    text = None if offers_tools else render(turns, None, kwargs)
    return text or render(turns, _TOOLS, kwargs) or ""
