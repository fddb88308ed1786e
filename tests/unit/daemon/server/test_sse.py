"""A stream of events: its head, its errors, and signs of life while nothing is said."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from velocity_local.core.errors import ModelFailed, VelocityError
from velocity_local.daemon.server.sse import EventStream


class Reader:
    """What an ASGI server would have written; `heard` is set with every message."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.heard = asyncio.Event()

    async def send(self, message: Any) -> None:
        self.messages.append(message)
        self.heard.set()

    async def receive(self) -> Any:
        return await asyncio.get_running_loop().create_future()

    async def next_body(self) -> bytes:
        async with asyncio.timeout(5):
            while not any("body" in message for message in self.messages):
                self.heard.clear()
                await self.heard.wait()
        return bytes(self.messages[-1]["body"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


def stream(chunks: AsyncGenerator[bytes, None], *, heartbeat_s: float) -> EventStream:
    return EventStream(
        chunks, render_error=_rendered, request_id="r", headers=dict, heartbeat_s=heartbeat_s
    )


def _rendered(error: VelocityError) -> bytes:
    return f"error: {error.code}\n".encode()


async def said(*chunks: bytes, error: VelocityError | None = None) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk
    if error is not None:
        raise error


async def test_chunks_follow_one_head_and_an_end() -> None:
    reader = Reader()
    await stream(said(b"a", b"b"), heartbeat_s=60)({}, reader.receive, reader.send)  # type: ignore[arg-type]  # no scope is looked at
    assert reader.messages[0]["type"] == "http.response.start"
    assert reader.body == b"ab"
    assert not reader.messages[-1]["more_body"]


async def test_silence_is_broken_by_comments_until_there_is_something_to_say() -> None:
    reader, may_speak = Reader(), asyncio.Event()

    async def late() -> AsyncGenerator[bytes, None]:
        await may_speak.wait()
        yield b"data: late\n\n"

    running = asyncio.create_task(
        stream(late(), heartbeat_s=0.001)({}, reader.receive, reader.send)  # type: ignore[arg-type]  # as above
    )
    comment = await reader.next_body()
    assert comment.startswith(b": ")
    assert comment.endswith(b"\n\n")
    may_speak.set()
    await running
    assert reader.body.count(b"data: late\n\n") == 1
    assert [m["type"] for m in reader.messages].count("http.response.start") == 1


async def test_an_error_before_anything_was_sent_has_a_status_of_its_own() -> None:
    reader = Reader()
    failing = stream(said(error=ModelFailed("broken")), heartbeat_s=60)
    with pytest.raises(ModelFailed):
        await failing({}, reader.receive, reader.send)  # type: ignore[arg-type]  # as above
    assert reader.messages == []


async def test_an_error_after_a_sign_of_life_is_an_event() -> None:
    reader, may_fail = Reader(), asyncio.Event()

    async def failing() -> AsyncGenerator[bytes, None]:
        await may_fail.wait()
        raise ModelFailed("broken")
        yield b""

    running = asyncio.create_task(
        stream(failing(), heartbeat_s=0.001)({}, reader.receive, reader.send)  # type: ignore[arg-type]  # as above
    )
    await reader.next_body()
    may_fail.set()
    await running
    assert reader.body.endswith(b"error: model_failed\n")
