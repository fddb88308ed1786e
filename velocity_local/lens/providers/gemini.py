"""Google's Gemini API. Reference: https://ai.google.dev/api/generate-content."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from velocity_local.lens.asks import Ask, Chat, Embed, Text, Turn
from velocity_local.lens.providers.bodies import as_chat, given, greedy
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

_ROLES = {"assistant": "model"}


class _Call(msgspec.Struct):
    name: str = ""
    args: Any = None


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    function_call: _Call | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel", gc=False):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Values(msgspec.Struct):
    values: list[float] = []


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    embeddings: list[_Values] | None = None
    error: dict[str, Any] | None = None


_answers = msgspec.json.Decoder(_Answer)


class Gemini:
    """The Gemini API. The key goes in a header, never in the URL."""

    name = "gemini"
    framing: Framing = "sse"
    default_url: str | None = "https://generativelanguage.googleapis.com/v1beta"
    key_variables: tuple[str, ...] = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

    def request(self, ask: Ask, *, model: str, key: str | None) -> WireRequest:
        name = quote(model.removeprefix("models/"), safe="")
        match ask.input:
            case Embed():
                verb, body = "batchEmbedContents", _embeddings(ask.input, model)
            case Chat() | Text():
                verb = "streamGenerateContent?alt=sse" if ask.stream else "generateContent"
                body = _generation(ask, as_chat(ask.input))
        headers = (("x-goog-api-key", key),) if key else ()
        path = f"/models/{name}:{verb}"
        return WireRequest(path, headers, msgspec.json.encode(body | ask.extra))

    def event(self, data: str | bytes) -> Sequence[Part]:
        return tuple(_parts(_answers.decode(data)))

    whole = event


def _parts(answer: _Answer) -> Iterator[Part]:
    if answer.error is not None:
        yield event_fault({"error": answer.error})
        return
    if answer.embeddings is not None:
        first = answer.embeddings[0].values if answer.embeddings else []
        yield Vectors(len(answer.embeddings), len(first))
    for candidate in answer.candidates:
        yield from _candidate(candidate)
    if answer.usage_metadata is not None:
        yield _counts(answer.usage_metadata)
    if answer.prompt_feedback is not None and answer.prompt_feedback.block_reason:
        yield Ending(f"blocked: {answer.prompt_feedback.block_reason}")


def _candidate(candidate: _Candidate) -> Iterator[Part]:
    for part in candidate.content.parts if candidate.content else ():
        if part.function_call is not None:
            arguments = msgspec.json.encode(part.function_call.args).decode()
            yield Piece("tool", part.function_call.name + arguments)
        elif part.text:
            yield Piece("reasoning" if part.thought else "text", part.text)
    if candidate.finish_reason:
        yield Ending(candidate.finish_reason)


def _counts(usage: _Usage) -> Counts:
    """`candidatesTokenCount` leaves thoughts out; an answer's tokens are both."""
    completion = usage.candidates_token_count
    thoughts = usage.thoughts_token_count
    if thoughts is not None:
        completion = (completion or 0) + thoughts
    return Counts(usage.prompt_token_count, completion, usage.cached_content_token_count, thoughts)


def _generation(ask: Ask, chat: Chat) -> dict[str, Any]:
    turns = chat.turns
    body: dict[str, Any] = {"contents": [_content(turn) for turn in turns if turn.role != "system"]}
    system = [{"text": turn.content} for turn in turns if turn.role == "system"]
    if system:
        body["systemInstruction"] = {"parts": system}
    config = {
        "maxOutputTokens": ask.max_tokens,
        "temperature": greedy(ask.temperature),
        "seed": ask.seed,
    }
    body["generationConfig"] = given(config)
    if chat.tools:
        body["tools"] = [{"functionDeclarations": list(chat.tools)}]
    return body


def _content(turn: Turn) -> dict[str, Any]:
    return {"role": _ROLES.get(turn.role, turn.role), "parts": [{"text": turn.content}]}


def _embeddings(embed: Embed, model: str) -> dict[str, Any]:
    name = model if model.startswith("models/") else f"models/{model}"
    return {
        "requests": [
            {"model": name, "content": {"parts": [{"text": text}]}} for text in embed.inputs
        ]
    }
