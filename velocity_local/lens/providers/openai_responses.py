"""OpenAI's Responses API. Reference: https://platform.openai.com/docs/api-reference/responses."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text
from velocity_local.lens.providers.bodies import bearer, chosen, given
from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Framing,
    NotOffered,
    Part,
    Piece,
    PieceKind,
    WireRequest,
)
from velocity_local.lens.providers.refusals import event_fault

_DELTAS: dict[str, PieceKind] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.function_call_arguments.delta": "tool",
}
_ENDS = {"response.completed", "response.incomplete", "response.failed"}


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Content(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Content] | None = None
    summary: list[_Content] | None = None
    name: str | None = None
    arguments: str | None = None


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct):
    status: str | None = None
    output: list[_Item] = []
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: str | None = None
    response: _Response | None = None
    message: str | None = None
    code: str | None = None
    error: dict[str, Any] | None = None


_events = msgspec.json.Decoder(_Event)
_responses = msgspec.json.Decoder(_Response)


class OpenAiResponses:
    """The Responses API; it has no seed and continues no bare text."""

    name = "openai_responses"
    framing: Framing = "sse"
    default_url: str | None = "https://api.openai.com/v1"
    key_variables: tuple[str, ...] = ("OPENAI_API_KEY",)

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        match ask.input:
            case Embed():
                raise NotOffered("the Responses API has no embeddings; use the provider openai")
            case Text():
                content: Any = ask.input.prompt
            case Chat():
                content = list(ask.input.turns)
        body: dict[str, Any] = {
            "model": model,
            "input": content,
            "stream": ask.stream,
            "store": False,
        }
        if isinstance(ask.input, Chat) and ask.input.tools:
            body["tools"] = [_tool(tool) for tool in ask.input.tools]
        body |= given({"max_output_tokens": ask.max_tokens, "temperature": chosen(ask.temperature)})
        return WireRequest("/responses", bearer(key), msgspec.json.encode(body | ask.extra))

    def event(self, data: str) -> Sequence[Part]:
        if data == "[DONE]":
            return ()
        event = _events.decode(data)
        kind = _DELTAS.get(event.type)
        if kind is not None:
            return (Piece(kind, event.delta or ""),)
        if event.type == "error":
            return (event_fault(event.error or {"message": event.message, "code": event.code}),)
        if event.type in _ENDS and event.response is not None:
            return tuple(_ending(event.response))
        return ()

    def whole(self, body: bytes) -> Sequence[Part]:
        response = _responses.decode(body)
        pieces = [piece for item in response.output for piece in _item(item)]
        return (*pieces, *_ending(response))


def _item(item: _Item) -> Iterator[Piece]:
    if item.type == "function_call":
        yield Piece("tool", (item.name or "") + (item.arguments or ""))
    kind: PieceKind = "reasoning" if item.type == "reasoning" else "text"
    for content in (*(item.content or ()), *(item.summary or ())):
        text = content.text or content.refusal
        if text:
            yield Piece(kind, text)


def _ending(response: _Response) -> Iterator[Part]:
    usage = response.usage
    if usage is not None:
        cached = usage.input_tokens_details
        reasoning = usage.output_tokens_details
        yield Counts(
            usage.input_tokens,
            usage.output_tokens,
            cached.cached_tokens if cached else None,
            reasoning.reasoning_tokens if reasoning else None,
        )
    if response.status == "failed":
        yield event_fault({"error": response.error or {}})
        return
    incomplete = response.incomplete_details
    yield Ending((incomplete.reason if incomplete else None) or response.status or "completed")


def _tool(tool: Any) -> dict[str, Any]:
    return {"type": "function", **msgspec.to_builtins(tool)}
