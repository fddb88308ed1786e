"""Streams one chat completion: pieces of the answer as they come, then how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import msgspec

from velocity_local.client.cancellation import Cancellation
from velocity_local.client.errors import ProtocolError
from velocity_local.client.http import HttpClient, event_error
from velocity_local.wire.http.headers import PRIORITY
from velocity_local.wire.http.openai_answers import ChatChunk, MessageDelta, Usage


class Turn(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class ChatRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked; None leaves a choice to the daemon's settings."""

    model: str
    messages: tuple[Turn, ...]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


class _Body(ChatRequest, frozen=True):
    stream: Literal[True] | None = None
    stream_options: _StreamOptions | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is certain; `is_reasoning` tells thinking from answer."""

    text: str
    is_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete. `id` is the request's, by which history knows it."""

    id: str
    model: str
    finish_reason: str
    usage: Usage | None


@contextmanager
def stream_chat(
    client: HttpClient, request: ChatRequest, *, cancellation: Cancellation | None = None
) -> Iterator[Iterator[Piece | End]]:
    """Pieces, and one End as the last; leaving the context early cancels the request, as does
    `cancellation` from another thread.

    Raises:
        ClientError: also from within the iteration, when the daemon ends the answer with an error.
    """
    body = _Body(**msgspec.structs.asdict(request), stream=True, stream_options=_StreamOptions())
    headers = {PRIORITY: "interactive"}  # somebody looks at it while it comes
    with client.stream(
        "/v1/chat/completions", body, headers=headers, cancellation=cancellation
    ) as events:
        yield _read(events)


def _read(events: Iterator[str]) -> Iterator[Piece | End]:
    last: ChatChunk | None = None
    finish_reason = ""
    usage = None
    for data in events:
        last = _decode(data)
        usage = last.usage or usage
        for choice in last.choices:
            yield from _pieces(choice.delta)
            finish_reason = choice.finish_reason or finish_reason
    if last is None or not finish_reason:
        raise ProtocolError("the answer ended without saying why")
    yield End(last.id, last.model, finish_reason, usage)


def _pieces(delta: MessageDelta) -> Iterator[Piece]:
    if delta.reasoning_content:
        yield Piece(delta.reasoning_content, is_reasoning=True)
    if delta.content:
        yield Piece(delta.content)


def _decode(data: str) -> ChatChunk:
    error = event_error(data)
    if error is not None:
        raise error
    try:
        return msgspec.json.decode(data, type=ChatChunk)
    except msgspec.DecodeError as fault:
        raise ProtocolError(f"an event of the answer is not understood ({fault})") from fault
