"""Reads answers of OpenAI's chat completions, completions and embeddings."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from velocity_local.lens.providers.port import (
    Counts,
    Ending,
    Part,
    Piece,
    TokenClock,
    Vectors,
)
from velocity_local.lens.providers.refusals import event_fault
from velocity_local.lens.results import ServerTimes

_DONE = "[DONE]"


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Delta(msgspec.Struct):
    """`content` is a list of parts with Mistral's reasoning models."""

    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    text: str | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Timings(msgspec.Struct, gc=False):
    """As llama.cpp's server has them; queue and load are velocity-local's own."""

    queue_ms: float | None = None
    load_ms: float | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None


class _Vector(msgspec.Struct):
    embedding: list[float] | str = ""


class _Answer(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: dict[str, Any] | str | None = None
    data: list[_Vector] | None = None


_answers = msgspec.json.Decoder(_Answer)


def parts_of(data: str | bytes) -> Sequence[Part]:
    """What an event of a stream says, or an answer that came at once: they are of one shape.

    Several choices count as one text.

    Raises:
        msgspec.DecodeError: if it is not of that shape.
    """
    return () if data == _DONE else tuple(_parts(_answers.decode(data)))


def _parts(answer: _Answer) -> Iterator[Part]:
    if answer.error is not None:
        yield event_fault({"error": answer.error})
        return
    for choice in answer.choices:
        yield from _choice(choice)
    if answer.data is not None:
        yield _vectors(answer.data)
    if answer.usage is not None:
        yield _counts(answer.usage)
    if answer.timings is not None:
        yield from _times(answer.timings, is_last=_is_last(answer))


def _is_last(answer: _Answer) -> bool:
    return answer.usage is not None or any(choice.finish_reason for choice in answer.choices)


def _choice(choice: _Choice) -> Iterator[Part]:
    delta = choice.delta or choice.message
    if delta is not None:
        yield from _pieces(delta)
    if choice.text:
        yield Piece("text", choice.text)
    if choice.finish_reason:
        yield Ending(choice.finish_reason)


def _pieces(delta: _Delta) -> Iterator[Piece]:
    reasoning = delta.reasoning_content or delta.reasoning
    if reasoning:
        yield Piece("reasoning", reasoning)
    content = delta.content or delta.refusal
    if isinstance(content, str):
        yield Piece("text", content)
    elif content:
        yield from _mistral_parts(content)
    for call in delta.tool_calls or ():
        function = call.function
        text = (function.name or "") + (function.arguments or "") if function else ""
        if text:
            yield Piece("tool", text)


def _mistral_parts(content: list[dict[str, Any]]) -> Iterator[Piece]:
    """Magistral's content: {"type": "thinking", "thinking": [{"text"}]} and {"type": "text"}."""
    for part in content:
        if part.get("type") == "thinking":
            thoughts = part.get("thinking")
            inner = thoughts if isinstance(thoughts, list) else []
            text = "".join(str(each.get("text", "")) for each in inner if isinstance(each, dict))
            yield Piece("reasoning", text)
        elif isinstance(part.get("text"), str):
            yield Piece("text", part["text"])


def _counts(usage: _Usage) -> Counts:
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return Counts(
        usage.prompt_tokens,
        usage.completion_tokens,
        prompt.cached_tokens if prompt else None,
        completion.reasoning_tokens if completion else None,
    )


def _times(timings: _Timings, *, is_last: bool) -> Iterator[Part]:
    if timings.predicted_n and timings.predicted_ms is not None:
        yield TokenClock(timings.predicted_n, timings.predicted_ms)
    if is_last or timings.queue_ms is not None:
        yield ServerTimes(
            queue_ms=timings.queue_ms,
            load_ms=timings.load_ms,
            prefill_ms=timings.prompt_ms,
            decode_ms=timings.predicted_ms,
        )


def _vectors(data: list[_Vector]) -> Vectors:
    first = data[0].embedding if data else []
    return Vectors(len(data), len(first) if isinstance(first, list) else 0)
