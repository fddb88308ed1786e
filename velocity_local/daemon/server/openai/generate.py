"""Runs translated requests and renders their events, whole or as a stream.

The model's name and fingerprint are asked for once the gateway has let the request in, so that a
request for an unknown model is refused, and recorded, by the gateway.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from velocity_local.core.events import Delta, Finished
from velocity_local.core.requests import GenerationRequest
from velocity_local.daemon.gateway.measure import Origin
from velocity_local.daemon.server.context import Context
from velocity_local.daemon.server.openai.answer import Head
from velocity_local.daemon.server.openai.render_chat import ChatAnswer, ChatStream
from velocity_local.daemon.server.openai.render_text import TextAnswer, TextStream
from velocity_local.daemon.server.openai.streams import numbered
from velocity_local.daemon.server.sse import DONE
from velocity_local.wire.http.openai import (
    ChatCompletionRequest,
    CompletionRequest,
    Sampling,
    StreamOptions,
)

FINGERPRINT_CHARS = 12

_NO_OPTIONS = StreamOptions()


async def chat_stream(
    context: Context, body: ChatCompletionRequest, request: GenerationRequest, origin: Origin
) -> AsyncGenerator[bytes, None]:
    """The chat API's server-sent events."""
    options = body.stream_options or _NO_OPTIONS
    async with aclosing(numbered(context.gateway, (request,), origin)) as events:
        stream: ChatStream | None = None
        async for _, event in events:
            if stream is None:
                stream = ChatStream(
                    await _head(context, request.id, body),
                    request.n,
                    has_usage=bool(options.include_usage),
                    is_obfuscated=bool(options.include_obfuscation),
                    timed_by=context.clock if body.timings_per_token else None,
                )
            if chunk := stream.event(event):
                yield chunk
    assert stream is not None
    yield stream.end() + DONE


async def chat_answer(
    context: Context, body: ChatCompletionRequest, request: GenerationRequest, origin: Origin
) -> bytes:
    """The chat API's answer."""
    answer = ChatAnswer(request.n)
    async with aclosing(numbered(context.gateway, (request,), origin)) as events:
        async for _, event in events:
            match event:
                case Delta():
                    answer.delta(event)
                case Finished():
                    answer.finish(event)
    return answer.body(await _head(context, request.id, body))


async def text_stream(
    context: Context,
    body: CompletionRequest,
    requests: tuple[GenerationRequest, ...],
    origin: Origin,
) -> AsyncGenerator[bytes, None]:
    """The completions API's server-sent events."""
    options = body.stream_options or _NO_OPTIONS
    async with aclosing(numbered(context.gateway, requests, origin)) as events:
        stream: TextStream | None = None
        async for number, event in events:
            if stream is None:
                stream = TextStream(
                    await _head(context, requests[0].id, body),
                    requests[0].n,
                    len(requests),
                    has_usage=bool(options.include_usage),
                    is_obfuscated=bool(options.include_obfuscation),
                    timed_by=context.clock if body.timings_per_token else None,
                )
            if chunk := stream.event(number, event):
                yield chunk
    assert stream is not None
    yield stream.end() + DONE


async def text_answer(
    context: Context,
    body: CompletionRequest,
    requests: tuple[GenerationRequest, ...],
    origin: Origin,
) -> bytes:
    """The completions API's answer."""
    answer = TextAnswer(requests[0].n, len(requests))
    async with aclosing(numbered(context.gateway, requests, origin)) as events:
        async for number, event in events:
            match event:
                case Delta():
                    answer.delta(number, event)
                case Finished():
                    answer.finish(number, event)
    return answer.body(await _head(context, requests[0].id, body))


async def _head(context: Context, request_id: str, body: Sampling) -> Head:
    entry = await context.gateway.model(body.model)
    has_tier = isinstance(body, ChatCompletionRequest) and body.service_tier is not None
    return Head(
        id=request_id,
        created=int(context.clock.wall_s()),
        model=entry.asked_id,
        fingerprint=f"fp_{entry.fingerprint[:FINGERPRINT_CHARS]}",
        service_tier="default" if has_tier else msgspec.UNSET,
    )
