"""A server that speaks OpenAI's streamed chat completions and emits tokens at exact times.

The request's `seed` field is ignored; how it emits is fixed for the process. A schedule begins when
the request reached the kernel (`SO_TIMESTAMPNS`, Linux; elsewhere when it was read): a server that
gets its core late is late for a client as well, and would be taken for the client's error.
`GET /lateness` tells how far its own emissions were from the schedule: what a client cannot be
blamed for.

python -m benchmarks.schedule_server --ttft-ms 50 --itl-ms 20 --tokens 64
"""

import argparse
import asyncio
import selectors
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles

import msgspec

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_MOST_SELECTABLE = 900
_SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>; the module has no name for it
_HAS_ARRIVALS = sys.platform == "linux"


def chunk(document: str) -> bytes:
    data = f"data: {document}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


TOKEN = chunk('{"id":"s","model":"m","choices":[{"index":0,"delta":{"content":"word "}}]}')
STOP = chunk('{"id":"s","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}')


@dataclass(frozen=True, slots=True)
class Schedule:
    """First token `ttft_s` after the request, then one every `itl_s`."""

    ttft_s: float
    itl_s: float
    n_tokens: int

    @property
    def ending(self) -> bytes:
        usage = (
            '{"id":"s","model":"m","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":'
            f"{self.n_tokens}}}}}"
        )
        return STOP + chunk(usage) + chunk("[DONE]").replace(b"data: [DONE]", b"data: [DONE]")


@dataclass(slots=True)
class Emitter:
    """One connection; requests come one after another."""

    connection: socket.socket
    schedule: Schedule
    late_s: list[float]
    received: bytearray = field(default_factory=bytearray)
    timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self.connection.setblocking(False)  # noqa: FBT003 - the socket's own word
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _HAS_ARRIVALS:
            self.connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        asyncio.get_running_loop().add_reader(self.connection, self.read)

    def end(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        asyncio.get_running_loop().remove_reader(self.connection)
        self.connection.close()

    def read(self) -> None:
        try:
            data, told, *_ = self.connection.recvmsg(65_536, 64)
        except ConnectionError:
            data, told = b"", []
        if not data:
            self.end()
            return
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(bytes(head)):
            return
        self.received.clear()
        if head.startswith(b"GET /lateness"):
            self.write(_json(_summary(self.late_s)))
        elif b"/chat/completions" in head.split(b"\r\n", 1)[0]:
            self._emit_at(_arrived_s(told) + self.schedule.ttft_s, 0)
        elif head.startswith((b"GET /v1/models", b"GET /health")):
            self.write(_json({"data": [{"id": "m", "object": "model"}]}))
        else:
            self.write(_json({"error": "no such route"}, status="404 Not Found"))

    def write(self, data: bytes) -> None:
        """A few hundred bytes: there is room for them, or the client reads too slowly to count."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.end()

    def _emit_at(self, due_s: float, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.timer = loop.call_at(due_s, self._emit, due_s, number)

    def _emit(self, due_s: float, number: int) -> None:
        self.late_s.append(time.monotonic() - due_s)
        last = number + 1 == self.schedule.n_tokens
        data = (HEAD if number == 0 else b"") + TOKEN
        if last:
            data += self.schedule.ending + b"0\r\n\r\n"
        if not last:
            self._emit_at(due_s + self.schedule.itl_s, number + 1)
        self.write(data)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _json(document: object, *, status: str = "200 OK") -> bytes:
    body = msgspec.json.encode(document)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _summary(late_s: list[float]) -> dict[str, float]:
    cuts = quantiles(late_s, n=100, method="inclusive") if len(late_s) > 1 else [0.0] * 99
    return {"n": len(late_s), "p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}


def _arrived_s(told: Sequence[tuple[int, int, bytes]]) -> float:
    """When the last bytes reached the kernel, on the clock of `time.monotonic`."""
    now_s, clock_s = time.monotonic(), time.time()
    for level, kind, value in told:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", value)
            return now_s - max(0.0, clock_s - float(seconds + nanoseconds * 1e-9))
    return now_s


async def serve(schedule: Schedule) -> None:
    late_s: list[float] = []
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the socket's own word
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = await loop.sock_accept(listener)
            Emitter(connection, schedule, late_s).begin()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.schedule_server", description=__doc__)
    parser.add_argument("--ttft-ms", type=float, default=50.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, default=50)
    arguments = parser.parse_args()
    schedule = Schedule(arguments.ttft_ms / 1000, arguments.itl_ms / 1000, arguments.tokens)
    # epoll waits in whole milliseconds, select in microseconds but for few connections only
    is_few = arguments.streams < _MOST_SELECTABLE
    selector = selectors.SelectSelector() if is_few else selectors.DefaultSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve(schedule))


if __name__ == "__main__":
    main()
