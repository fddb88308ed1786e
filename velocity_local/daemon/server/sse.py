"""Server-sent events as an answer that ends with the client, or with its last event.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from velocity_local.core.errors import VelocityError
from velocity_local.daemon.server.errors import ClientGone, Headers, unexpected

T = TypeVar("T")

DONE = b"data: [DONE]\n\n"
AT_WORK = "still at work"

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def event_bytes(data: bytes) -> bytes:
    """One event; JSON holds no line breaks, so one data line is enough."""
    return b"data: " + data + b"\n\n"


def _encoded(headers: Mapping[str, str]) -> Headers:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def until_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled if the client goes first.

    Raises:
        ClientGone: in that case.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        working.cancel()
        watching.cancel()
        await asyncio.wait((working, watching))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(ASGIResponse):
    """Sends the chunks of a generator, which runs in one task from its first step to its last.

    An error before anything was sent is raised, so that it becomes an answer with its own status;
    a later one is sent as the last event, written by `render_error`. A reader that would hear
    nothing for `heartbeat_s` gets what `comment` says, as during a long prefill. `headers` is asked
    for more of them when the head goes out.
    """

    __slots__ = ("_chunks", "_comment", "_headers", "_heartbeat_s", "_render_error", "_request_id")

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        render_error: Callable[[VelocityError], bytes],
        request_id: str,
        headers: Callable[[], Mapping[str, str]],
        heartbeat_s: float,
        comment: Callable[[], str] = lambda: AT_WORK,
    ) -> None:
        super().__init__(status_code=200)
        self._headers = headers
        self._chunks = chunks
        self._render_error = render_error
        self._request_id = request_id
        self._heartbeat_s = heartbeat_s
        self._comment = comment

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002 - the signature is ASGI's
        receive: Receive,
        send: Send,
    ) -> None:
        await until_gone(receive, self._send(send))

    async def _send(self, send: Send) -> None:
        line = _Line(send, self._headers)
        beating = asyncio.create_task(line.beat(self._heartbeat_s, self._comment))
        try:
            await self._send_chunks(line)
        finally:
            beating.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_chunks(self, line: "_Line") -> None:
        async with aclosing(self._chunks) as chunks:
            try:
                async for chunk in chunks:
                    await line.send(chunk)
            except VelocityError as error:
                if not line.has_begun:
                    raise
                await line.send(self._render_error(error))
            except Exception as error:
                if not line.has_begun:
                    raise
                await line.send(self._render_error(unexpected(error, self._request_id)))


class _Line:
    """The way to the reader; its head goes out with the first thing sent."""

    def __init__(self, send: Send, headers: Callable[[], Mapping[str, str]]) -> None:
        self._send = send
        self._headers = headers
        self._is_quiet = True
        self.has_begun = False

    async def send(self, data: bytes) -> None:
        self._is_quiet = False
        if not self.has_begun:
            headers = [*_HEADERS, *_encoded(self._headers())]
            self.has_begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def beat(self, period_s: float, comment: Callable[[], str]) -> None:
        """Send a comment whenever nothing else was sent for a period; to be cancelled."""
        while True:
            self._is_quiet = True
            await asyncio.sleep(period_s)
            if self._is_quiet:
                await self.send(f": {comment()}\n\n".encode())
