"""Binding, telling the port, and stopping."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.sockets import connected
from velocity_local.config.settings import LimitSettings, ServerSettings
from velocity_local.daemon.server.listener import Listener

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def peer_of(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the address the connection came in on."""
    body = scope["server"][0].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def listener(port: int = 0) -> AsyncIterator[tuple[Listener, int]]:
    """A listener and its port; stopped at the end whatever happens."""
    server = Listener(peer_of, ServerSettings(port=port), LimitSettings())
    try:
        yield server, await server.start()
    finally:
        await server.stop(drain_s=1.0)


def has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_the_real_port_is_told_and_serves() -> None:
    async with listener() as (_, port), connected(port) as raw:
        await raw.send(REQUEST)
        status, headers, body = await raw.answer()
    assert (status, body) == (200, b"127.0.0.1")
    assert headers["date"].endswith("gmt")
    assert "server" not in headers


async def test_loopback_is_served_wherever_localhost_points() -> None:
    async with listener() as (_, port):
        if has_ipv6_loopback():
            async with connected(port, "::1") as raw:
                await raw.send(REQUEST)
                assert (await raw.answer())[2] == b"::1"


async def test_a_taken_port_is_an_error() -> None:
    async with listener() as (_, port):
        with pytest.raises(OSError, match=str(port)) as caught:
            async with listener(port):
                pass
        assert caught.value.errno == errno.EADDRINUSE


async def test_after_stopping_the_port_is_free() -> None:
    async with listener() as (_, port), connected(port) as raw:
        await raw.send(REQUEST)
        await raw.answer()
    async with listener(port) as (_, again):
        assert again == port


async def test_stopping_closes_idle_connections_at_once() -> None:
    async with listener() as (server, port), connected(port) as raw:
        await raw.send(REQUEST)
        await raw.answer()
        assert server.connections == 1
        async with asyncio.timeout(30.0):
            await server.stop(drain_s=600.0)
        assert await raw.rest() == b""
        assert server.connections == 0
