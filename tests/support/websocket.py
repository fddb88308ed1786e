"""A WebSocket client over a real socket: wsproto as sans-I/O, asyncio's streams for the rest."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

WAIT_S = 20.0


class Socket:
    """An open or refused connection; `status` is 101 or the refusal's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        self._text = ""
        self.status = 0
        self.body = b""

    async def open(self, host: str, path: str, headers: Mapping[str, str]) -> None:
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._send(Request(host=host, target=path, extra_headers=extra))
        event = await self._next()
        if isinstance(event, AcceptConnection):
            self.status = 101
            return
        assert isinstance(event, RejectConnection), event
        self.status = event.status_code
        while isinstance(data := await self._next(), RejectData):
            self.body += data.data
            if data.body_finished:
                return

    async def text(self) -> str:
        """The next whole message; `ConnectionError` if the server closes instead."""
        while True:
            event = await self._next()
            if isinstance(event, CloseConnection):
                raise ConnectionResetError(event.code)
            assert isinstance(event, TextMessage), event
            self._text += event.data
            if event.message_finished:
                whole, self._text = self._text, ""
                return whole

    async def all_texts(self) -> None:
        """Read until the server closes, which is a `ConnectionError`."""
        while True:
            await self.text()

    def say(self, text: str) -> None:
        self._send(TextMessage(text))

    def close(self) -> None:
        self._writer.close()

    def _send(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))

    async def _next(self) -> Event:
        while not self._events:
            async with asyncio.timeout(WAIT_S):
                data = await self._reader.read(65536)
            self._protocol.receive_data(data or None)
            self._events += self._protocol.events()
        return self._events.pop(0)


@asynccontextmanager
async def connected(
    port: int, path: str, headers: Mapping[str, str], *, host: str | None = None
) -> AsyncIterator[Socket]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    socket = Socket(reader, writer)
    try:
        await socket.open(host or f"127.0.0.1:{port}", path, headers)
        yield socket
    finally:
        socket.close()
