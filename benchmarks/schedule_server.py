"""A server that speaks OpenAI's streamed chat completions and emits tokens at exact times.

The request's `seed` field is ignored; how it emits is fixed for the process. `GET /lateness` tells
how far its own emissions were from the schedule: what a client cannot be blamed for.

python -m benchmarks.schedule_server --ttft-ms 50 --itl-ms 20 --tokens 64
"""

import argparse
import asyncio
import selectors
import time
from dataclasses import dataclass, field
from statistics import quantiles

import msgspec

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_MOST_SELECTABLE = 900


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
class Emitter(asyncio.Protocol):
    """One connection; requests come one after another."""

    schedule: Schedule
    late_s: list[float]
    received: bytearray = field(default_factory=bytearray)
    transport: asyncio.Transport | None = None
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < _length(bytes(head)):
            return
        self.received.clear()
        assert self.transport is not None
        if head.startswith(b"GET /lateness"):
            self.transport.write(_json(_summary(self.late_s)))
        elif b"/chat/completions" in head.split(b"\r\n", 1)[0]:
            self._emit_at(now_s + self.schedule.ttft_s, 0)
        elif head.startswith((b"GET /v1/models", b"GET /health")):
            self.transport.write(_json({"data": [{"id": "m", "object": "model"}]}))
        else:
            self.transport.write(_json({"error": "no such route"}, status="404 Not Found"))

    def _emit_at(self, due_s: float, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.timer = loop.call_at(due_s, self._emit, due_s, number)

    def _emit(self, due_s: float, number: int) -> None:
        assert self.transport is not None
        self.late_s.append(time.monotonic() - due_s)
        last = number + 1 == self.schedule.n_tokens
        data = (HEAD if number == 0 else b"") + TOKEN
        if last:
            data += self.schedule.ending + b"0\r\n\r\n"
        self.transport.write(data)
        if not last:
            self._emit_at(due_s + self.schedule.itl_s, number + 1)


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


async def serve(schedule: Schedule) -> None:
    late_s: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Emitter(schedule, late_s), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


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
