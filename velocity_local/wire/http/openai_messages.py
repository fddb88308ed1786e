"""Conversations and tools as OpenAI's chat API writes them.

Shapes follow https://platform.openai.com/docs/api-reference/chat/create. Every documented field
is here, also those that are refused later by name; anything else is refused by the decoder.
"""

from typing import Annotated, Any, Literal

import msgspec


class CacheBreakpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Literal["explicit"]
    ttl: Literal["30m", "12h"] | None = None


class _Part(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    """Base of the parts a message's content may be made of."""


class TextPart(_Part, frozen=True, tag="text"):
    text: str
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class RefusalPart(_Part, frozen=True, tag="refusal"):
    refusal: str


class ImageUrl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    detail: Literal["auto", "low", "high", "original"] | None = None


class ImagePart(_Part, frozen=True, tag="image_url"):
    image_url: ImageUrl
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class InputAudio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data: str
    format: Literal["wav", "mp3"]


class AudioPart(_Part, frozen=True, tag="input_audio"):
    input_audio: InputAudio
    prompt_cache_breakpoint: CacheBreakpoint | None = None


class FileReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(_Part, frozen=True, tag="file"):
    file: FileReference
    prompt_cache_breakpoint: CacheBreakpoint | None = None


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart
Content = str | list[Part]


class FunctionCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    arguments: str


class CustomCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    input: str


class _ToolCall(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True
):
    """Base of the calls an assistant made; `index` is what stream accumulators leave behind."""

    id: str
    index: int | None = None


class FunctionToolCall(_ToolCall, frozen=True, tag="function"):
    function: FunctionCall


class CustomToolCall(_ToolCall, frozen=True, tag="custom"):
    custom: CustomCall


AnyToolCall = FunctionToolCall | CustomToolCall


class AudioReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier audio answer; answers given back whole carry more fields, all refused alike."""

    id: str
    data: str | None = None
    expires_at: int | None = None
    transcript: str | None = None


class _Message(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="role", kw_only=True
):
    """Base of a conversation's turns; the role tells which fields there are."""


class SystemMessage(_Message, frozen=True, tag="system"):
    content: Content
    name: str | None = None


class DeveloperMessage(_Message, frozen=True, tag="developer"):
    content: Content
    name: str | None = None


class UserMessage(_Message, frozen=True, tag="user"):
    content: Content
    name: str | None = None


class AssistantMessage(_Message, frozen=True, tag="assistant"):
    """`reasoning_content` is what answers of ours carry; `annotations` come with OpenAI's."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[AnyToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: AudioReference | None = None
    annotations: list[Any] | None = None


class ToolMessage(_Message, frozen=True, tag="tool"):
    content: Content
    tool_call_id: str
    name: str | None = None


class FunctionMessage(_Message, frozen=True, tag="function"):
    content: str | None
    name: str


AnyMessage = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)


class FunctionDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomFormat(msgspec.Struct, frozen=True):
    type: Literal["text", "grammar"]


class CustomDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    format: CustomFormat | None = None


class _Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of what may be offered to the model."""


class FunctionTool(_Tool, frozen=True, tag="function"):
    function: FunctionDefinition


class CustomTool(_Tool, frozen=True, tag="custom"):
    custom: CustomDefinition


AnyTool = FunctionTool | CustomTool


class NamedTool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class AllowedTools(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Literal["auto", "required"]
    tools: list[dict[str, Any]]


class _ToolChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """Base of the tool choices that are more than a word."""


class NamedChoice(_ToolChoice, frozen=True, tag="function"):
    function: NamedTool


class NamedCustomChoice(_ToolChoice, frozen=True, tag="custom"):
    custom: NamedTool


class AllowedChoice(_ToolChoice, frozen=True, tag="allowed_tools"):
    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | NamedChoice | NamedCustomChoice | AllowedChoice
