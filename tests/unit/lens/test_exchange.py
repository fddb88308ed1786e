"""One exchange over a real socket: what comes, and everything that may break."""

import pytest

from tests.support.wire_server import (
    END,
    Close,
    Reset,
    Stall,
    Step,
    answer,
    chunk,
    chunked_head,
    event,
    event_stream,
    json_answer,
    wire_server,
)
from tests.unit.lens.asking import HELLO, Patience, ask, exchange
from velocity_local.lens import measure
from velocity_local.lens.door import CannotConnect, Door
from velocity_local.lens.faults import FaultKind

TEXT = '{"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}'
STOP = '{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = '{"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
WHOLE = (TEXT % "Hel", TEXT % "lo", STOP, USAGE, "[DONE]")


async def test_a_stream_is_read_with_the_times_of_its_pieces() -> None:
    seen, _ = await ask(lambda _: event_stream(*WHOLE))
    assert seen.fault is None
    assert seen.text() == "Hello"
    assert (seen.finish_reason, seen.counts.prompt, seen.counts.completion) == ("stop", 3, 2)
    assert seen.first_s is not None
    assert seen.head_s is not None
    assert seen.sent_s <= seen.head_s <= seen.first_s == seen.piece_s[0]
    assert list(seen.piece_s) == sorted(seen.piece_s)
    assert len(seen.piece_s) == 2


async def test_any_cut_of_the_bytes_gives_the_same_answer() -> None:
    data = b"".join(step for step in event_stream(*WHOLE) if isinstance(step, bytes))
    for size in (1, 7, 50):
        pieces: list[Step] = [data[i : i + size] for i in range(0, len(data), size)]
        seen, _ = await ask(lambda _, pieces=pieces: pieces)  # type: ignore[misc]  # bound now
        assert (seen.text(), seen.counts.completion, seen.fault) == ("Hello", 2, None)


async def test_a_connection_is_used_again() -> None:
    async with wire_server(lambda _: event_stream(*WHOLE)) as server:
        door = Door(server.url, connect_timeout_s=5.0)
        for _ in range(3):
            assert (await exchange(door, "openai_compatible", HELLO)).fault is None
        assert server.n_connections == 1
        door.close()


async def test_a_door_that_keeps_nothing_connects_each_time() -> None:
    async with wire_server(lambda _: event_stream(*WHOLE)) as server:
        door = Door(server.url, connect_timeout_s=5.0, reuse=False)
        for _ in range(3):
            assert (await exchange(door, "openai_compatible", HELLO)).fault is None
        assert server.n_connections == 3


async def test_a_body_that_ends_with_its_connection_is_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    body = "".join(f"data: {each}\n\n" for each in WHOLE).encode()
    seen, _ = await ask(lambda _: [head + body, Close()])
    assert (seen.text(), seen.fault) == ("Hello", None)


BROKEN: list[tuple[str, list[Step], FaultKind]] = [
    ("reset before a byte", [Reset()], "reset"),
    ("closed before a byte", [Close()], "reset"),
    ("reset half-way", [chunked_head(), event(WHOLE[0]), Reset()], "reset"),
    ("closed half-way", [chunked_head(), event(WHOLE[0]), Close()], "half_closed"),
    ("closed in the head", [b"HTTP/1.1 200 OK\r\nContent-", Close()], "half_closed"),
    ("no HTTP", [b"SSH-2.0-OpenSSH_9.6\r\n"], "bad_http"),
    ("a chunk's size is no number", [chunked_head(), b"zz\r\n"], "bad_http"),
    ("no reason at the end", event_stream(TEXT % "x", "[DONE]"), "bad_stream"),
    ("garbage for JSON", event_stream(WHOLE[0], "{oops"), "bad_stream"),
    ("another shape", event_stream('{"choices": "none"}'), "bad_stream"),
    ("no UTF-8", [chunked_head(), chunk(b"data: \xff\xfe\n\n"), END], "bad_stream"),
    ("not a stream at all", [answer("200 OK", b"<html>", "Content-Type: text/html")], "bad_stream"),
    (
        "an error inside the stream",
        event_stream('{"error":{"message":"boom"}}'),
        "server_error_event",
    ),
    ("deep nesting", event_stream("[" * 100_000), "bad_stream"),
]


@pytest.mark.parametrize(("steps", "kind"), [pytest.param(s, k, id=n) for n, s, k in BROKEN])
async def test_what_breaks_has_its_kind(steps: list[Step], kind: FaultKind) -> None:
    seen, _ = await ask(lambda _: steps)
    assert seen.fault is not None
    assert seen.fault.kind == kind
    assert seen.digest is None


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "MAX_ANSWER_BYTES", 5_000)
    seen, _ = await ask(lambda _: [chunked_head(), *[event(TEXT % "more")] * 1000, Stall()])
    assert seen.fault is not None
    assert (seen.fault.kind, "longer than 5000 bytes" in seen.fault.message) == ("bad_stream", True)


async def test_pieces_before_a_break_are_kept() -> None:
    seen, _ = await ask(lambda _: [chunked_head(), event(WHOLE[0]), Reset()])
    assert seen.text() == "Hel"


@pytest.mark.parametrize(
    ("steps", "patience", "kind"),
    [
        ([Stall()], Patience(first_byte_s=0.02), "timeout_first_byte"),
        ([chunked_head(), event(WHOLE[0]), Stall()], Patience(stall_s=0.02), "timeout_stall"),
        ([chunked_head(), event(WHOLE[0]), Stall()], Patience(total_s=0.02), "timeout_total"),
    ],
)
async def test_waiting_ends(steps: list[Step], patience: Patience, kind: FaultKind) -> None:
    seen, server = await ask(lambda _: steps, patience=patience)
    assert seen.fault is not None
    assert seen.fault.kind == kind
    assert server.n_connections == 1


async def test_nobody_listens() -> None:
    async with wire_server(lambda _: []) as server:
        url = server.url
    with pytest.raises(CannotConnect) as caught:
        await Door(url, connect_timeout_s=5.0).open()
    assert caught.value.fault.kind == "connect"


async def test_no_certificate() -> None:
    async with wire_server(lambda _: []) as server:
        door = Door(server.url.replace("http:", "https:"), connect_timeout_s=0.05)
        with pytest.raises(CannotConnect) as caught:
            await door.open()
    assert caught.value.fault.kind in {"tls", "timeout_connect", "reset", "connect"}


async def test_an_answer_that_is_no_stream_is_read_whole() -> None:
    body = (
        '{"id":"c1","model":"m","choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}],'
        '"usage":{"prompt_tokens":3,"completion_tokens":1}}'
    )
    seen, _ = await ask(lambda _: [json_answer(body)])
    assert (seen.text(), seen.counts.completion, seen.fault) == ("Hi", 1, None)


async def test_equal_outputs_have_equal_digests_however_they_are_cut() -> None:
    one, _ = await ask(lambda _: event_stream(TEXT % "Hello", STOP))
    two, _ = await ask(lambda _: event_stream(*WHOLE))
    other, _ = await ask(lambda _: event_stream(TEXT % "Hallo", STOP))
    assert one.digest == two.digest != other.digest


async def test_the_key_is_in_the_header_and_in_no_repr() -> None:
    _, server = await ask(lambda _: event_stream(*WHOLE), "openai", key="sk-secret")
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
