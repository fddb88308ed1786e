"""A raw client: bytes in, bytes out, nothing tidied up in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from velocity_local.config.settings import LimitSettings, ServerSettings
from velocity_local.daemon.server.listener import Listener

ANSWER_TIMEOUT_S = 30.0  # a guard against hanging, not an expectation


class Raw:
    """One TCP connection to a server on this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, *, limit_s: float = ANSWER_TIMEOUT_S
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer; status 0 if the connection closed."""
        async with asyncio.timeout(limit_s):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return 0, {}, b""
            lines = head.decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await self._body(headers)
        return int(lines[0].split()[1]), headers, body

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await self.reader.read()

    async def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return b""
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()
        return body


@asynccontextmanager
async def connected(port: int, host: str = "127.0.0.1") -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def listening(
    app: Callable[..., object],
    limits: LimitSettings | None = None,
    server: ServerSettings | None = None,
    *,
    drain_s: float = 1.0,
) -> AsyncIterator[int]:
    """The port of a listener that serves `app` while the context lasts."""
    listener = Listener(app, server or ServerSettings(port=0), limits or LimitSettings())
    port = await listener.start()
    try:
        yield port
    finally:
        await listener.stop(drain_s=drain_s)


def error_code(body: bytes) -> str:
    """The code in an error envelope."""
    code = msgspec.json.decode(body)["error"]["code"]
    assert isinstance(code, str)
    return code
