"""OpenAI's messages and tools as core values. Refuses by path what no text model can take."""

from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.messages import Message, Role, Tool, ToolCall
from velocity_local.wire.http.openai_messages import (
    AnyMessage,
    AnyTool,
    AnyToolCall,
    AssistantMessage,
    Content,
    CustomTool,
    CustomToolCall,
    DeveloperMessage,
    FunctionMessage,
    Part,
    RefusalPart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)

MAX_TOOLS = 128


def messages(sent: Sequence[AnyMessage], most: int) -> tuple[Message, ...]:
    """The conversation.

    Raises:
        InvalidRequest: if it is too long or a turn is empty.
        UnsupportedField: for content that is not text, by its path.
    """
    if len(sent) > most:
        raise InvalidRequest(f"{len(sent)} messages; at most {most}", param="messages")
    turns = tuple(_message(each, f"messages[{i}]") for i, each in enumerate(sent))
    if turns[-1].tool_calls:
        raise InvalidRequest(
            "the last message calls tools; their results must follow as tool messages",
            param=f"messages[{len(turns) - 1}].tool_calls",
        )
    return turns


def tools(sent: Sequence[AnyTool]) -> tuple[Tool, ...]:
    """The functions offered.

    Raises:
        InvalidRequest: for too many of them.
        UnsupportedField: for tools that are no functions.
    """
    if len(sent) > MAX_TOOLS:
        raise InvalidRequest(f"{len(sent)} tools; at most {MAX_TOOLS}", param="tools")
    return tuple(_tool(each, f"tools[{i}]") for i, each in enumerate(sent))


def _message(sent: AnyMessage, path: str) -> Message:
    match sent:
        case AssistantMessage():
            return _assistant(sent, path)
        case FunctionMessage():
            raise UnsupportedField(
                "messages of role function are deprecated; use role tool", param=f"{path}.role"
            )
        case ToolMessage():
            content = _content(sent.content, f"{path}.content")
            call_id = sent.tool_call_id
            return Message(
                "tool", content.text, name=sent.name, tool_call_id=call_id, parts=content.parts
            )
        case SystemMessage():
            return _turn("system", sent, path)
        case DeveloperMessage():
            return _turn("developer", sent, path)
        case _:
            return _turn("user", sent, path)


def _turn(role: Role, sent: SystemMessage | DeveloperMessage | UserMessage, path: str) -> Message:
    content = _content(sent.content, f"{path}.content")
    return Message(role, content.text, name=sent.name, parts=content.parts)


def _assistant(sent: AssistantMessage, path: str) -> Message:
    if sent.audio is not None:
        raise UnsupportedField("audio answers cannot be referred to", param=f"{path}.audio")
    if sent.function_call is not None:
        raise UnsupportedField(
            "function_call is deprecated; use tool_calls", param=f"{path}.function_call"
        )
    said = sent.refusal if sent.content is None else sent.content
    content = _Content(None)
    if said is not None:
        content = _content(said, f"{path}.content", has_refusals=True)
    calls = tuple(
        _tool_call(call, f"{path}.tool_calls[{i}]") for i, call in enumerate(sent.tool_calls or ())
    )
    if content.text is None and not calls and sent.reasoning_content is None:
        raise InvalidRequest(
            "an assistant's message needs content or tool_calls", param=f"{path}.content"
        )
    return Message(
        "assistant",
        content.text,
        name=sent.name,
        reasoning=sent.reasoning_content,
        tool_calls=calls,
        parts=content.parts,
    )


def _tool_call(sent: AnyToolCall, path: str) -> ToolCall:
    if isinstance(sent, CustomToolCall):
        raise UnsupportedField("custom tools are not supported; use functions", param=path)
    return ToolCall(sent.id, sent.function.name, sent.function.arguments)


def _tool(sent: AnyTool, path: str) -> Tool:
    if isinstance(sent, CustomTool):
        raise UnsupportedField("custom tools are not supported; use functions", param=path)
    function = sent.function
    return Tool(function.name, function.description, function.parameters, function.strict)


class _Content(NamedTuple):
    text: str | None
    parts: tuple[str, ...] = ()


def _content(content: Content, path: str, *, has_refusals: bool = False) -> _Content:
    """The text; a list of one part is that part."""
    if isinstance(content, str):
        return _Content(content)
    parts = tuple(_part_text(part, f"{path}[{i}]", has_refusals) for i, part in enumerate(content))
    return _Content("\n".join(parts), parts if len(parts) > 1 else ())


def _part_text(part: Part, path: str, has_refusals: bool) -> str:  # noqa: FBT001 - passed on
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, RefusalPart) and has_refusals:
        return part.refusal
    kind = part.__struct_config__.tag
    raise UnsupportedField(f"content parts of type {kind} are not supported here", param=path)
