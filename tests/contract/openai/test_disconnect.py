"""Who leaves before the answer is complete frees what the answer was using."""

import asyncio

import msgspec
import pytest

from tests.support.scripted import Stage, finished
from tests.support.sockets import Raw, connected, listening
from velocity_local.core.events import Delta, Started

HANG_S = 30.0


def post(path: str, **fields: object) -> bytes:
    content = {"prompt": ["a", "b"]} if path == "/v1/completions" else None
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    body = msgspec.json.encode({"model": "demo", **(content or messages), **fields})
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\nHost: localhost:PORT\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("is_reset", [True, False])
async def test_leaving_ends_the_request(path: str, *, stream: bool, is_reset: bool) -> None:
    never = asyncio.Event()
    stage = Stage(lambda _: [Started(0, 5, 0), Delta(0, (1,), text="a"), never, finished()])
    async with listening(stage.app()) as port, connected(port) as raw:
        await raw.send(post(path, stream=stream).replace(b"PORT", b"%d" % port))
        await stage.runner.came.wait()
        if stream:
            await raw.reader.readuntil(b'"a"')
        assert not stage.runner.left.is_set()
        _leave(raw, is_reset=is_reset)
        async with asyncio.timeout(HANG_S):
            await stage.runner.left.wait()
    await stage.gateway.close()
    assert {row.status for row in stage.rows.recorded} == {"cancelled"}
    assert len(stage.rows.recorded) == len(stage.runner.asked)


@pytest.mark.parametrize("is_reset", [True, False])
async def test_leaving_in_the_middle_of_the_body_is_no_fault(
    caplog: pytest.LogCaptureFixture, *, is_reset: bool
) -> None:
    stage = Stage()
    async with listening(stage.app()) as port:
        async with connected(port) as raw:
            request = post("/v1/chat/completions").replace(b"PORT", b"%d" % port)
            await raw.send(request[:-5])
            _leave(raw, is_reset=is_reset)
        async with connected(port) as raw:
            await raw.send(post("/v1/chat/completions").replace(b"PORT", b"%d" % port))
            assert (await raw.answer())[0] == 200
    assert len(stage.runner.asked) == 1
    assert not caplog.records


async def test_a_body_that_comes_too_slowly_is_told_so_and_is_no_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    limits = msgspec.structs.replace(stage.limits, body_timeout_s=0.1)
    async with listening(stage.app(), limits) as port, connected(port) as raw:
        request = post("/v1/chat/completions").replace(b"PORT", b"%d" % port)
        await raw.send(request[:-5])
        assert (await raw.answer())[0] == 408
    assert not stage.runner.asked
    assert not caplog.records


async def test_a_stream_that_nobody_reads_ends_too() -> None:
    stage = Stage(lambda _: [Delta(0, (1,), text="a" * 60_000) for _ in range(1000)])
    stage.limits = msgspec.structs.replace(stage.limits, write_timeout_s=0.2)
    async with listening(stage.app(), stage.limits) as port, connected(port) as raw:
        await raw.send(post("/v1/chat/completions", stream=True).replace(b"PORT", b"%d" % port))
        async with asyncio.timeout(HANG_S):
            await stage.runner.left.wait()


async def test_an_answer_that_ends_while_the_server_stops_is_complete() -> None:
    go_on = asyncio.Event()
    stage = Stage(lambda _: [Delta(0, (1,), text="a"), go_on, Delta(0, (2,), text="b"), finished()])
    async with asyncio.timeout(HANG_S):
        reader, writer = None, None
        async with listening(stage.app(), drain_s=HANG_S) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            request = post("/v1/chat/completions", stream=True).replace(b"PORT", b"%d" % port)
            writer.write(request)
            await reader.readuntil(b'"a"')
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        rest = await reader.read()
        writer.close()
    assert b'"b"' in rest
    assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


async def test_an_answer_that_does_not_end_is_cut_when_the_server_stops() -> None:
    stage = Stage(lambda _: [Delta(0, (1,), text="a"), asyncio.Event()])
    async with listening(stage.app(), drain_s=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/v1/chat/completions", stream=True).replace(b"PORT", b"%d" % port))
        await reader.readuntil(b'"a"')
    assert b"[DONE]" not in await reader.read()
    writer.close()
    assert stage.runner.left.is_set()


def _leave(raw: Raw, *, is_reset: bool) -> None:
    if is_reset:
        raw.writer.transport.abort()
    else:
        raw.writer.close()
