"""Ollama's own API: one JSON document a line, and times in nanoseconds.

Reference: https://docs.ollama.com/api.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text
from velocity_local.lens.faults import Fault
from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Framing,
    Named,
    Part,
    Piece,
    Reader,
    Vectors,
    WireRequest,
)
from velocity_local.lens.providers.refusals import event_fault, refusal
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
    model: str | None = None
    created_at: str | None = None
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
    is_token_true = False

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
                if ask.input.tools:
                    functions = [{"type": "function", "function": t} for t in ask.input.tools]
                    body["tools"] = functions
        options = {"num_predict": ask.max_tokens, "temperature": ask.temperature, "seed": ask.seed}
        given = {name: value for name, value in options.items() if value is not None}
        if given and not isinstance(ask.input, Embed):
            body["options"] = given
        headers = (("Authorization", f"Bearer {key}"),) if key else ()
        return WireRequest(path, headers, msgspec.json.encode(body | ask.extra))

    def reader(self, ask: Ask) -> Reader:  # noqa: ARG002 - every answer is read the same way
        return _OllamaReader()

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
        return refusal(status, headers, body)


class _OllamaReader:
    def __init__(self) -> None:
        self._is_named = False

    def event(self, data: str) -> Sequence[Part]:
        return tuple(self._parts(_lines.decode(data)))

    def whole(self, body: bytes) -> Sequence[Part]:
        return tuple(self._parts(_lines.decode(body)))

    def _parts(self, line: _Line) -> Iterator[Part]:
        if line.error is not None:
            yield event_fault({"error": line.error})
            return
        if line.model and not self._is_named:
            self._is_named = True
            yield Named("", line.model)
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
