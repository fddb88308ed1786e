"""A server that does on a real socket exactly what it is told: sends, waits, resets, closes."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reset:
    """The connection ends with RST, as when a process is killed with data unread."""


@dataclass(frozen=True)
class Close:
    """The connection ends with FIN, whatever was promised."""


@dataclass(frozen=True)
class Stall:
    """Nothing more comes until the client has gone."""


Step = bytes | Reset | Close | Stall | asyncio.Event
Script = Callable[[int], Sequence[Step]]


@dataclass(frozen=True)
class Received:
    """A request as it came; header names in lower case. `connection` counts connections."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass
class WireServer:
    """`script` gives the steps for the request of that number, from 0."""

    script: Script
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    n_connections: int = 0
    client_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.n_connections
        self.n_connections += 1
        try:
            while (received := await _receive(reader, number)) is not None:
                self.requests.append(received)
                steps = self.script(len(self.requests) - 1)
                if not await self._play(steps, reader, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            self.client_left.set()
        finally:
            writer.close()

    async def _play(
        self, steps: Sequence[Step], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection stays."""
        for step in steps:
            match step:
                case bytes():
                    writer.write(step)
                    await writer.drain()
                case asyncio.Event():
                    await step.wait()
                case Stall():
                    await reader.read(1)
                    self.client_left.set()
                    return False
                case Reset():
                    connection = writer.get_extra_info("socket")
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    writer.transport.abort()
                    return False
                case Close():
                    return False
        return True


async def _receive(reader: asyncio.StreamReader, connection: int) -> Received | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = await reader.readline()
        if not line:
            return None
        head += line
    request_line, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = request_line.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, value in (x.split(":", 1) for x in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body, connection)


@asynccontextmanager
async def wire_server(script: Script) -> AsyncIterator[WireServer]:
    """The server on a free port; its connections end with the context."""
    state = WireServer(script)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(state.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0, backlog=2048)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def answer(status: str, body: bytes, *headers: str) -> bytes:
    """A whole answer with its length."""
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


def json_answer(body: str, status: str = "200 OK", *headers: str) -> bytes:
    return answer(status, body.encode(), "Content-Type: application/json", *headers)


def chunked_head(content_type: str = "text/event-stream") -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {content_type}", "Transfer-Encoding: chunked"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


END = b"0\r\n\r\n"


def event(data: str, name: str | None = None) -> bytes:
    """One server-sent event as a chunk."""
    lead = f"event: {name}\n" if name else ""
    return chunk(f"{lead}data: {data}\n\n".encode())


def event_stream(*events: str) -> list[Step]:
    """A whole streamed answer."""
    return [chunked_head(), *(event(each) for each in events), END]
