"""Events of one request, or of several at once, each with the number of its prompt."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from velocity_local.core.errors import VelocityError, from_info
from velocity_local.core.events import Event, Failed
from velocity_local.core.requests import GenerationRequest
from velocity_local.daemon.gateway.measure import Origin
from velocity_local.daemon.gateway.pipeline import Gateway

Numbered = tuple[int, Event]

_QUEUED_EVENTS = 256


def numbered(
    gateway: Gateway, requests: Sequence[GenerationRequest], origin: Origin
) -> AsyncGenerator[Numbered, None]:
    """Events until every request has ended; closing the generator cancels what still runs.

    Raises:
        VelocityError: if a request is refused, or as soon as one of its choices fails.
    """
    if len(requests) == 1:
        return _one(gateway, 0, requests[0], origin)
    return _several(gateway, requests, origin)


async def _one(
    gateway: Gateway, number: int, request: GenerationRequest, origin: Origin
) -> AsyncGenerator[Numbered, None]:
    async with gateway.stream(request, origin) as events:
        async for event in events:
            if isinstance(event, Failed):
                raise from_info(event.error)
            yield number, event


async def _several(
    gateway: Gateway, requests: Sequence[GenerationRequest], origin: Origin
) -> AsyncGenerator[Numbered, None]:
    queue: asyncio.Queue[Numbered | VelocityError | None] = asyncio.Queue(_QUEUED_EVENTS)
    pumps = [
        asyncio.create_task(_pump(_one(gateway, number, request, origin), queue))
        for number, request in enumerate(requests)
    ]
    try:
        running = len(pumps)
        while running:
            item = await queue.get()
            if isinstance(item, VelocityError):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)


async def _pump(
    events: AsyncGenerator[Numbered, None],
    queue: "asyncio.Queue[Numbered | VelocityError | None]",
) -> None:
    try:
        async with aclosing(events):
            async for item in events:
                await queue.put(item)
    except VelocityError as error:
        await queue.put(error)
    else:
        await queue.put(None)
