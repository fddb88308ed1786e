"""Cohere's v2 API. Reference: https://docs.cohere.com/reference/chat-stream."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text
from velocity_local.lens.providers.bodies import as_chat, bearer, functions, given, greedy
from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Framing,
    Part,
    Piece,
    Vectors,
    WireRequest,
)
from velocity_local.lens.providers.refusals import event_fault


class _Tokens(msgspec.Struct, gc=False):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Usage(msgspec.Struct):
    tokens: _Tokens | None = None
    cached_tokens: float | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    function: _Function | None = None


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Message(msgspec.Struct):
    content: _Content | list[_Content] | None = None
    tool_calls: _Call | list[_Call] | None = None
    tool_plan: str | None = None


class _Delta(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    delta: _Delta | None = None
    message: str | None = None


class _Answer(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    embeddings: dict[str, list[list[float]]] | None = None


_events = msgspec.json.Decoder(_Event)
_answers = msgspec.json.Decoder(_Answer)


class Cohere:
    """Chat and embeddings."""

    name = "cohere"
    framing: Framing = "sse"
    default_url: str | None = "https://api.cohere.com/v2"
    key_variables: tuple[str, ...] = ("CO_API_KEY", "COHERE_API_KEY")

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        match ask.input:
            case Embed():
                path = "/embed"
                body: dict[str, Any] = {
                    "texts": list(ask.input.inputs),
                    "input_type": "search_document",
                    "embedding_types": ["float"],
                }
            case Chat() | Text():
                path, body = "/chat", _chat(ask, as_chat(ask.input))
        data = msgspec.json.encode({"model": model, **body} | ask.extra)
        return WireRequest(path, bearer(key), data)

    def event(self, data: str) -> Sequence[Part]:
        if data == "[DONE]":
            return ()
        event = _events.decode(data)
        if event.type == "error":
            return (event_fault({"message": event.message}),)
        delta = event.delta
        if delta is None:
            return ()
        if delta.error or delta.finish_reason == "ERROR":
            return (event_fault({"message": delta.error}),)
        return (*_message(delta.message), *_ending(delta.usage, delta.finish_reason))

    def whole(self, body: bytes) -> Sequence[Part]:
        answer = _answers.decode(body)
        found = (answer.embeddings or {}).values()
        vectors = [Vectors(len(rows), len(rows[0]) if rows else 0) for rows in found]
        ending = _ending(answer.usage, answer.finish_reason)
        return (*_message(answer.message), *vectors, *ending)


def _message(message: _Message | None) -> Iterator[Piece]:
    if message is None:
        return
    for content in _several(message.content):
        if content.thinking:
            yield Piece("reasoning", content.thinking)
        if content.text:
            yield Piece("text", content.text)
    if message.tool_plan:
        yield Piece("reasoning", message.tool_plan)
    for call in _several(message.tool_calls):
        function = call.function or _Function()
        text = (function.name or "") + (function.arguments or "")
        if text:
            yield Piece("tool", text)


def _several(found: Any) -> Sequence[Any]:
    if found is None:
        return ()
    return found if isinstance(found, list) else (found,)


def _ending(usage: _Usage | None, finish_reason: str | None) -> Iterator[Part]:
    tokens = usage.tokens if usage else None
    if usage is not None and tokens is not None:
        yield Counts(
            _whole(tokens.input_tokens), _whole(tokens.output_tokens), _whole(usage.cached_tokens)
        )
    if finish_reason:
        yield Ending(finish_reason)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _chat(ask: Ask, chat: Chat) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": list(chat.turns), "stream": ask.stream}
    fields = {
        "max_tokens": ask.max_tokens,
        "temperature": greedy(ask.temperature),
        "seed": ask.seed,
    }
    return body | given(fields) | functions(chat.tools)
