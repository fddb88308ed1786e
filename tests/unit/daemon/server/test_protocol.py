"""What a connection refuses before any application code runs, seen from a raw socket."""

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.sockets import connected, error_code, listening
from velocity_local.config.settings import LimitSettings

HASTY = LimitSettings(header_timeout_s=0.5, body_timeout_s=0.1, write_timeout_s=0.1)
HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers with its length."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        if not message["more_body"]:
            break
    await answer(send, b"%d" % length)


async def answer_unread(scope: Any, receive: Any, send: Any) -> None:
    """Answers without reading the body."""
    await answer(send, b"no")


class Flood:
    """Sends more than any buffer holds, and notes when the client is gone."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        flooding = asyncio.create_task(self._flood(send))
        assert (await receive())["type"] == "http.disconnect"
        flooding.cancel()
        self.gone.set()

    async def _flood(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            message = {"type": "http.response.body", "body": b"x" * 65536, "more_body": True}
            await send(message)


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


REFUSED = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (HEAD + b"Host: localhost\r\n\r\n", 400),
    "two hosts in other cases": (HEAD + b"hOST: evil\r\n\r\n", 400),
    "http 1.0 without host": (b"GET / HTTP/1.0\r\n\r\n", 400),
    "one giant header": (HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    "giant header never ended": (HEAD + b"X: " + b"a" * 1_000_000, 431),
    "giant header name": (HEAD + b"a" * 70_000 + b": x\r\n\r\n", 431),
    "many headers": (HEAD + b"X: y\r\n" * 150 + b"\r\n", 431),
    "ten thousand headers": (HEAD + b"X: y\r\n" * 10_000 + b"\r\n", 431),
    "long target": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "target never ended": (b"GET /" + b"a" * 100_000, 414),
    "absolute target": (b"GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "asterisk target": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "connect": (b"CONNECT evil:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "target beyond ascii": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "http 2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "http 0.9": (b"GET /\r\n\r\n", 400),
    "unknown version": (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    "length and chunked": (
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunked and length": (
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "length in hex": (HEAD + b"Content-Length: 0x10\r\n\r\n", 400),
    "length too big for 64 bits": (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "chunked not last": (HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
    "chunk size overflow": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n",
        400,
    ),
    "chunk size garbage": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "space before colon": (HEAD + b"X : y\r\n\r\n", 400),
    "folded header": (HEAD + b"X: y\r\n z: w\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: localhost\nX y\n\n", 400),
    "nul in header": (HEAD + b"X: a\0b\r\n\r\n", 400),
    "carriage return in header": (HEAD + b"X: a\rb\r\n\r\n", 400),
    "tls hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, 400),
    "unknown method": (b"PROPFINDX / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
async def test_refuses_with_an_envelope_and_closes(request_bytes: bytes, status: int) -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        await raw.send(request_bytes)
        got, headers, body = await raw.answer()
        assert got == status, body
        assert headers["connection"] == "close"
        assert headers["x-request-id"].startswith("req_")
        assert msgspec.json.decode(body)["error"]["type"] == "invalid_request_error"
        assert await raw.rest() == b""


SERVED = {
    "plain": (HEAD + b"\r\n", b"0"),
    "leading line breaks": (b"\r\n\r\n" + HEAD + b"\r\n", b"0"),
    "body": (HEAD + b"Content-Length: 3\r\n\r\nabc", b"3"),
    "chunked body": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"3"),
    "unknown upgrade": (HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"0"),
    "as many headers as allowed": (HEAD + b"X: y\r\n" * 63 + b"\r\n", b"0"),
}


@pytest.mark.parametrize(("request_bytes", "expected"), SERVED.values(), ids=SERVED)
async def test_serves(request_bytes: bytes, expected: bytes) -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        await raw.send(request_bytes)
        status, _, body = await raw.answer()
        assert (status, body) == (200, expected)


async def test_serves_when_every_byte_comes_alone() -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        for byte in HEAD + b"Content-Length: 2\r\n\r\nab":
            await raw.send(bytes([byte]))
        assert (await raw.answer())[2] == b"2"


async def test_asks_for_the_body_it_was_told_to_expect() -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        await raw.send(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await raw.answer())[0] == 100
        await raw.send(b"ab")
        assert (await raw.answer())[2] == b"2"


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        await raw.send(HEAD + b"Content-Length: 1\r\n\r\na" + HEAD + b"\r\n")
        assert [(await raw.answer())[2], (await raw.answer())[2]] == [b"1", b"0"]


async def test_a_bad_request_behind_a_running_one_gets_no_answer_in_its_place() -> None:
    async with listening(echo_length) as port, connected(port) as raw:
        await raw.send(HEAD + b"\r\n" + b"GET / HTTP/1.1\r\n\r\n")
        assert b"400" not in await raw.rest()


async def test_a_head_that_does_not_end_is_refused_in_time() -> None:
    async with listening(echo_length, HASTY) as port, connected(port) as raw:
        await raw.send(HEAD)
        status, _, body = await raw.answer()
        assert (status, error_code(body)) == (408, "request_timeout")


async def test_a_connection_that_says_nothing_is_closed() -> None:
    async with listening(echo_length, HASTY) as port, connected(port) as raw:
        assert await raw.rest() == b""


async def test_line_breaks_do_not_keep_a_connection_open() -> None:
    async with listening(echo_length, HASTY) as port, connected(port) as raw:
        await raw.send(HEAD + b"\r\n")
        await raw.answer()
        await raw.send(b"\r\n")
        assert await raw.rest() == b""


async def test_a_body_that_does_not_end_is_refused_in_time() -> None:
    async with listening(echo_length, HASTY) as port, connected(port) as raw:
        await raw.send(HEAD + b"Content-Length: 10\r\n\r\nabc")
        status, _, body = await raw.answer()
        assert (status, error_code(body)) == (408, "request_timeout")


async def test_a_steady_body_may_take_longer_than_the_deadline() -> None:
    async with listening(echo_length, HASTY) as port, connected(port) as raw:
        await raw.send(HEAD + b"Content-Length: 4097\r\n\r\n" + b"a" * 4096)
        await _pass(0.2)
        await raw.send(b"a")
        assert (await raw.answer())[2] == b"4097"


async def test_a_reader_that_stalls_is_cut_off() -> None:
    flood = Flood()
    async with listening(flood, HASTY) as port, connected(port) as raw:
        await raw.send(HEAD + b"\r\n")
        async with asyncio.timeout(30.0):
            await flood.gone.wait()


async def test_an_answer_reaches_a_client_that_still_sends() -> None:
    async with listening(answer_unread) as port, connected(port) as raw:
        await raw.send(HEAD + b"Content-Length: 4000000\r\n\r\n" + b"a" * 1_000_000)
        assert (await raw.answer())[2] == b"no"
        assert await raw.rest() == b""


async def test_connections_beyond_the_cap_are_told_to_come_back() -> None:
    limits = LimitSettings(connections=1)
    async with listening(echo_length, limits) as port, connected(port) as first:
        await first.send(HEAD + b"\r\n")
        assert (await first.answer())[0] == 200
        async with connected(port) as second:
            status, headers, body = await second.answer()
        assert (status, headers["retry-after"], error_code(body)) == (503, "1", "overloaded")
        await first.send(HEAD + b"\r\n")
        assert (await first.answer())[0] == 200


async def _pass(seconds: float) -> None:
    """Let real time pass: sockets and the kernel's buffers know no other."""
    await asyncio.sleep(seconds)
