"""A conversation in the shape that chat templates expect: Hugging Face's dicts."""

import hashlib
import json
from typing import Any, NamedTuple

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.messages import Message, Tool, ToolCall
from velocity_local.core.requests import ChatPrompt

MAX_KWARGS = 16
_SHORT_ID_CHARS = 9
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

    `developer` is OpenAI's newer word for `system`. `absent_content` is no content beside tool
    calls, instead of an empty text. `parts` is content as a list of texts; a template made for
    such lists alone does not know `text`. `object_arguments` are a call's arguments as an object,
    instead of JSON text. `long_call_ids` are ids of any length, instead of nine letters.
    """

    developer: bool = True
    absent_content: bool = True
    parts: bool = True
    text: bool = True
    object_arguments: bool = True
    long_call_ids: bool = True


KNOWS_ALL = TemplateKnowledge()


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
    # Reasoning has two names among templates; `thinking` comes first, as transformers has it.
    turn: dict[str, Any] = {} if message.reasoning is None else {"thinking": message.reasoning}
    turn["role"] = "system" if is_older else message.role
    if message.content is not None or not message.tool_calls or not knows.absent_content:
        turn["content"] = _content(message, knows)
    name = message.name or callees.get(message.tool_call_id or "")
    if name is not None:
        turn["name"] = name
    if message.reasoning is not None:
        turn["reasoning_content"] = message.reasoning
    if message.tool_calls:
        turn["tool_calls"] = [_tool_call(call, knows) for call in message.tool_calls]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = _call_id(message.tool_call_id, knows)
    return turn


def _content(message: Message, knows: TemplateKnowledge) -> str | list[dict[str, str]]:
    text = message.content or ""
    if (message.parts and knows.parts) or not knows.text:
        return [{"type": "text", "text": part} for part in message.parts or (text,)]
    return text


def _tool_call(call: ToolCall, knows: TemplateKnowledge) -> dict[str, Any]:
    arguments = _arguments(call.arguments) if knows.object_arguments else call.arguments
    function = {"name": call.name, "arguments": arguments}
    return {"id": _call_id(call.id, knows), "type": "function", "function": function}


def _call_id(sent: str, knows: TemplateKnowledge) -> str:
    if knows.long_call_ids or (len(sent) == _SHORT_ID_CHARS and sent.isalnum()):
        return sent
    return hashlib.blake2b(sent.encode(), digest_size=8).hexdigest()[:_SHORT_ID_CHARS]


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
