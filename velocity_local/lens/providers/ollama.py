"""Ollama's own API: one JSON document a line, and times in nanoseconds.

Reference: https://docs.ollama.com/api.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text
from velocity_local.lens.providers.bodies import bearer, functions, given, greedy
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
from velocity_local.lens.results import ServerTimes

_NS_PER_MS = 1e6


class _Function(msgspec.Struct):
    name: str = ""
    arguments: Any = None


class _Call(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool = False
    done_reason: str | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    embeddings: list[list[float]] | None = None
    error: str | None = None


_lines = msgspec.json.Decoder(_Line)


class Ollama:
    """Chat, generate and embed. Prompt tokens leave out what was cached: Ollama does not say."""

    name = "ollama"
    framing: Framing = "ndjson"
    default_url: str | None = "http://127.0.0.1:11434"
    key_variables: tuple[str, ...] = ("OLLAMA_API_KEY",)

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        body: dict[str, Any] = {"model": model}
        match ask.input:
            case Embed():
                path = "/api/embed"
                body["input"] = list(ask.input.inputs)
            case Text():
                path = "/api/generate"
                body |= {"prompt": ask.input.prompt, "stream": ask.stream, "raw": True}
            case Chat():
                path = "/api/chat"
                body |= {"messages": list(ask.input.turns), "stream": ask.stream}
                body |= functions(ask.input.tools)
        options = {
            "num_predict": ask.max_tokens,
            "temperature": greedy(ask.temperature),
            "seed": ask.seed,
        }
        if not isinstance(ask.input, Embed):
            body["options"] = given(options)
        return WireRequest(path, bearer(key), msgspec.json.encode(body | ask.extra))

    def event(self, data: str | bytes) -> Sequence[Part]:
        return tuple(_parts(_lines.decode(data)))

    whole = event


def _parts(line: _Line) -> Iterator[Part]:
    if line.error is not None:
        yield event_fault({"error": line.error})
        return
    if line.embeddings is not None:
        first = line.embeddings[0] if line.embeddings else []
        yield Vectors(len(line.embeddings), len(first))
    yield from _pieces(line)
    if line.done:
        yield from _ending(line)


def _pieces(line: _Line) -> Iterator[Piece]:
    message = line.message or _Message()
    reasoning = message.thinking or line.thinking
    if reasoning:
        yield Piece("reasoning", reasoning)
    text = message.content or line.response
    if text:
        yield Piece("text", text)
    for call in message.tool_calls or ():
        arguments = msgspec.json.encode(call.function.arguments).decode()
        yield Piece("tool", call.function.name + arguments)


def _ending(line: _Line) -> Iterator[Part]:
    yield Counts(line.prompt_eval_count, line.eval_count)
    yield ServerTimes(
        load_ms=_ms(line.load_duration),
        prefill_ms=_ms(line.prompt_eval_duration),
        decode_ms=_ms(line.eval_duration),
    )
    yield Ending(line.done_reason or "stop")


def _ms(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NS_PER_MS
