"""Stands before a server and makes it slower by a known factor, byte for byte as it answered.

What a server sends some time after a request's last byte goes on after `factor` times that time: a
true slowdown of everything that a client can see. It knows no HTTP; requests on one connection
follow one another. Prints its port.

python -m benchmarks.stretching_proxy --to 127.0.0.1:8080 --factor 1.1
"""

import argparse
import asyncio
import selectors
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Exchange:
    """Both ends of one connection, and when its latest request came."""

    factor: float
    asked_s: float = 0.0
    due_s: float = 0.0
    client: asyncio.Transport | None = None
    server: asyncio.Transport | None = None
    waiting: list[bytes] = field(default_factory=list)


class _Client(asyncio.Protocol):
    """The side of those who ask."""

    def __init__(self, address: tuple[str, int], factor: float) -> None:
        self._address = address
        self._both = _Exchange(factor)
        self._task: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._both.client = transport
        loop = asyncio.get_running_loop()
        connect = loop.create_connection(lambda: _Server(self._both), *self._address)
        self._task = loop.create_task(connect)

    def data_received(self, data: bytes) -> None:
        self._both.asked_s = self._both.due_s = asyncio.get_running_loop().time()
        if self._both.server is None:
            self._both.waiting.append(data)
        else:
            self._both.server.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self._both.server is not None:
            self._both.server.close()


class _Server(asyncio.Protocol):
    """The side of the server: what it sends is held back."""

    def __init__(self, both: _Exchange) -> None:
        self._both = both

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._both.server = transport
        for data in self._both.waiting:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        both, loop = self._both, asyncio.get_running_loop()
        assert both.client is not None
        now_s = loop.time()
        both.due_s = max(both.due_s, both.asked_s + (now_s - both.asked_s) * both.factor)
        if both.due_s <= now_s:
            both.client.write(data)
        else:
            loop.call_at(both.due_s, both.client.write, data)

    def connection_lost(self, _: Exception | None) -> None:
        assert self._both.client is not None
        asyncio.get_running_loop().call_at(self._both.due_s, self._both.client.close)


async def serve(address: tuple[str, int], factor: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Client(address, factor), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.stretching_proxy", description=__doc__)
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--factor", type=float, default=1.0)
    arguments = parser.parse_args()
    host, _, port = arguments.to.rpartition(":")
    selector = selectors.SelectSelector()  # it waits in microseconds, epoll in milliseconds
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve((host, int(port)), arguments.factor))


if __name__ == "__main__":
    main()
