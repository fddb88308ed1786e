"""The UI in a browser: who may come in, over a real socket, and a terminal behind the WebSocket."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
import psutil
import pytest
from aiohttp import web

from velocity_tui.serving import HOST, Gate, GuardedServer

KEY = "k" * 43
_PROGRAM = [sys.executable, "-c", "import sys; sys.stdout.buffer.write(b'__GANGLION__\\n')"]


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    listening = socket.create_server((HOST, 0))
    found = Gate(f"{HOST}:{listening.getsockname()[1]}", KEY)
    runner = web.AppRunner(await GuardedServer(_PROGRAM, found).app())
    await runner.setup()
    await web.SockSite(runner, listening).start()
    before = _programs()
    yield found
    await runner.cleanup()
    while _programs() - before:  # noqa: ASYNC110 - the loop must outlive what it has started
        await asyncio.sleep(0.01)


def _programs() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


async def test_the_printed_address_opens_the_page_and_nothing_else_does(
    gate: Gate, browser: aiohttp.ClientSession
) -> None:
    root = f"http://{gate.host}"
    for path in ("/", "/ws", "/static/js/textual.js", "/?key=wrong"):
        async with browser.get(root + path) as answer:
            assert answer.status == 403
    async with browser.get(gate.address) as answer:
        assert (answer.status, str(answer.url)) == (200, f"{root}/")
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http:" not in policy
    async with browser.get(f"{root}/static/js/textual.js") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "headers",
    [{"Host": "localhost:1"}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}],
)
async def test_other_names_and_other_pages_are_refused_with_the_key_too(
    gate: Gate, browser: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with browser.get(gate.address, headers=headers) as answer:
        assert answer.status == 403


async def test_a_terminal_is_behind_the_web_socket(
    gate: Gate, browser: aiohttp.ClientSession
) -> None:
    await browser.get(gate.address)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await browser.ws_connect(f"ws://{gate.host}/ws", origin="http://evil.example")
    async with browser.ws_connect(f"ws://{gate.host}/ws", origin=f"http://{gate.host}") as terminal:
        await terminal.send_json(["ping", "1"])
        assert await terminal.receive_json() == ["pong", "1"]
