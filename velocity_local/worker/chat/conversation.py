"""A conversation in the shape that chat templates expect: Hugging Face's dicts."""

import json
from typing import Any, NamedTuple

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.requests import ChatPrompt

MAX_KWARGS = 16
RESERVED = frozenset(
    {
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "continue_final_message",
        "bos_token",
        "eos_token",
        "raise_exception",
        "strftime_now",
    }
)


class TemplateKnowledge(NamedTuple):
    """Newer shapes that a template can read; for one that cannot, the older is written.

    `developer` is OpenAI's newer word for `system`. `absent_content` is content None beside tool
    calls, instead of an empty text. `parts` is content as a list of texts; a template made for
    such lists alone knows no `text`.
    """

    developer: bool
    absent_content: bool
    parts: bool = True
    text: bool = True


KNOWS_ALL = TemplateKnowledge(developer=True, absent_content=True)


def continues_final(prompt: ChatPrompt) -> bool:
    """True if the answer goes on with the last message instead of starting one."""
    return bool(prompt.messages) and prompt.messages[-1].role == "assistant"


def check_kwargs(kwargs: dict[str, str | int | float | bool | None]) -> None:
    """Refuse what would replace the template's own variables.

    Raises:
        InvalidRequest: naming the argument.
    """
    if len(kwargs) > MAX_KWARGS:
        raise InvalidRequest(
            f"chat_template_kwargs has {len(kwargs)} entries; at most {MAX_KWARGS}",
            param="chat_template_kwargs",
        )
    for name in kwargs:
        if name in RESERVED or not name.isidentifier():
            raise InvalidRequest(
                f"chat_template_kwargs may not set {name!r}; use another name",
                param="chat_template_kwargs",
            )


def message_dicts(
    messages: tuple[Message, ...], knows: TemplateKnowledge = KNOWS_ALL
) -> list[dict[str, Any]]:
    """Messages as templates read them. A tool's result bears the name of the tool."""
    callees = {call.id: call.name for message in messages for call in message.tool_calls}
    return [_message(message, knows, callees) for message in messages]


def _message(message: Message, knows: TemplateKnowledge, callees: dict[str, str]) -> dict[str, Any]:
    is_older = message.role == "developer" and not knows.developer
    turn: dict[str, Any] = {} if message.reasoning is None else {"thinking": message.reasoning}
    turn["role"] = "system" if is_older else message.role
    turn["content"] = _content(message, knows)
    name = message.name or callees.get(message.tool_call_id or "")
    if name is not None:
        turn["name"] = name
    if message.reasoning is not None:
        turn["reasoning_content"] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _content(message: Message, knows: TemplateKnowledge) -> str | list[dict[str, str]] | None:
    if message.content is None and message.tool_calls and knows.absent_content:
        return None
    text = message.content or ""
    if (message.parts and knows.parts) or not knows.text:
        return [{"type": "text", "text": part} for part in message.parts or (text,)]
    return text


def _tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _arguments(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _arguments(source: str) -> dict[str, Any] | str:
    """The arguments as an object if they are one, else the text itself."""
    try:
        arguments = json.loads(source)
    except (ValueError, RecursionError):
        return source
    return arguments if isinstance(arguments, dict) else source


def tool_dicts(tools: tuple[Tool, ...]) -> list[dict[str, Any]] | None:
    """Tools in OpenAI's JSON shape; None if there are none, as templates ask."""
    return [{"type": "function", "function": _function(tool)} for tool in tools] or None


def _function(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    # OpenAI: without parameters a function takes none. Templates look for the object.
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function
