"""Anthropic's Messages API. Reference: https://docs.anthropic.com/en/api/messages-streaming."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Embed
from velocity_local.lens.providers.bodies import as_chat, chosen, given
from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Framing,
    NotOffered,
    Part,
    Piece,
    WireRequest,
)
from velocity_local.lens.providers.refusals import event_fault

VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 1024
"""The API refuses a request without a limit."""


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    name: str | None = None
    input: Any = None


class _Delta(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block] = []
    stop_reason: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: dict[str, Any] | None = None


_events = msgspec.json.Decoder(_Event)
_messages = msgspec.json.Decoder(_Message)


class Anthropic:
    """The Messages API; it has no seed and no embeddings."""

    name = "anthropic"
    framing: Framing = "sse"
    default_url: str | None = "https://api.anthropic.com/v1"
    key_variables: tuple[str, ...] = ("ANTHROPIC_API_KEY",)

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        if isinstance(ask.input, Embed):
            raise NotOffered("Anthropic has no embeddings")
        chat = as_chat(ask.input)
        system = "\n\n".join(turn.content for turn in chat.turns if turn.role == "system")
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": ask.max_tokens or DEFAULT_MAX_TOKENS,
            "messages": [turn for turn in chat.turns if turn.role != "system"],
            "stream": ask.stream,
        }
        if system:
            body["system"] = system
        body |= given({"temperature": chosen(ask.temperature)})
        if chat.tools:
            body["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.parameters,
                }
                for tool in chat.tools
            ]
        headers = (("anthropic-version", VERSION), *((("x-api-key", key),) if key else ()))
        return WireRequest("/messages", headers, msgspec.json.encode(body | ask.extra))

    def event(self, data: str) -> Sequence[Part]:
        event = _events.decode(data)
        match event.type:
            case "error":
                return (event_fault({"error": event.error or {}}),)
            case "message_start" if event.message is not None:
                return tuple(_prompt(event.message.usage))
            case "content_block_start" if event.content_block is not None:
                return tuple(_block(event.content_block))
            case "content_block_delta" if event.delta is not None:
                return tuple(_delta(event.delta))
            case "message_delta":
                return (*_completion(event.usage), *_stop(event.delta))
            case _:
                return ()

    def whole(self, body: bytes) -> Sequence[Part]:
        message = _messages.decode(body)
        pieces = [piece for block in message.content for piece in _block(block)]
        usage = (*_prompt(message.usage), *_completion(message.usage))
        ending = (Ending(message.stop_reason),) if message.stop_reason else ()
        return (*pieces, *usage, *ending)


def _block(block: _Block) -> Iterator[Piece]:
    if block.thinking:
        yield Piece("reasoning", block.thinking)
    if block.text:
        yield Piece("text", block.text)
    if block.type == "tool_use":
        arguments = msgspec.json.encode(block.input).decode() if block.input else ""
        yield Piece("tool", (block.name or "") + arguments)


def _delta(delta: _Delta) -> Iterator[Piece]:
    if delta.thinking:
        yield Piece("reasoning", delta.thinking)
    if delta.text:
        yield Piece("text", delta.text)
    if delta.partial_json:
        yield Piece("tool", delta.partial_json)


def _prompt(usage: _Usage | None) -> Iterator[Counts]:
    """`input_tokens` leaves out what was read from or written to the cache."""
    if usage is None or usage.input_tokens is None:
        return
    cached = usage.cache_read_input_tokens or 0
    prompt = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
    yield Counts(prompt=prompt, cached=usage.cache_read_input_tokens)


def _completion(usage: _Usage | None) -> Iterator[Counts]:
    if usage is not None and usage.output_tokens is not None:
        yield Counts(completion=usage.output_tokens)


def _stop(delta: _Delta | None) -> Iterator[Ending]:
    if delta is not None and delta.stop_reason:
        yield Ending(delta.stop_reason)
