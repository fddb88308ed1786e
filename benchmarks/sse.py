"""Reads an HTTP/1.1 answer that was recorded as (time, bytes): head, chunks, server-sent events.

Reading happens after the run, so that the load driver takes no processor time from the server.
An event gets the time of the bytes that completed it.
Protocols: RFC 9112 section 7.1 (chunked), WHATWG HTML 9.2 (server-sent events; `data` only).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

Timed = tuple[float, bytes]
END_OF_HEAD = b"\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DONE = b"[DONE]"


class MalformedAnswer(Exception):
    """The bytes are not an HTTP answer of the kind asked for."""


class Answer(NamedTuple):
    """`events` are the `data` of each server-sent event; of another body, its bytes."""

    status: int
    events: list[Timed]


def read_answer(recorded: Iterable[Timed]) -> Answer:
    """
    Raises:
        MalformedAnswer: if head or chunks cannot be read, or the answer is cut short.
    """
    head, rest = _split_head(list(recorded))
    status_line, _, fields = head.partition(b"\r\n")
    status = _status(status_line)
    headers = fields.lower()
    is_chunked = b"transfer-encoding: chunked" in headers
    body = _unchunk(rest) if is_chunked else iter(rest)
    if b"text/event-stream" in headers:
        return Answer(status, list(_events(body)))
    return Answer(status, list(body))


def _split_head(recorded: list[Timed]) -> tuple[bytes, list[Timed]]:
    data = b""
    for i, (time, piece) in enumerate(recorded):
        data += piece
        head, found, rest = data.partition(END_OF_HEAD)
        if found:
            return head, [(time, rest), *recorded[i + 1 :]]
    raise MalformedAnswer(f"no end of the head in {len(data)} bytes")


def _status(line: bytes) -> int:
    parts = line.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        raise MalformedAnswer(f"no status line: {line[:80]!r}")
    return int(parts[1])


def _unchunk(pieces: Iterable[Timed]) -> Iterator[Timed]:
    data = b""
    for time, piece in pieces:
        data += piece
        while (cut := _first_chunk(data)) is not None:
            chunk, data = cut
            if not chunk:
                return
            yield time, chunk
    raise MalformedAnswer("the answer ended before its last chunk")


def _first_chunk(data: bytes) -> tuple[bytes, bytes] | None:
    """The first chunk and what follows it; None if it is not complete."""
    line, found, rest = data.partition(b"\r\n")
    if not found:
        return None
    try:
        size = int(line.split(b";", 1)[0], 16)
    except ValueError as error:
        raise MalformedAnswer(f"no chunk size: {line[:80]!r}") from error
    if len(rest) < size + 2:
        return None
    return rest[:size], rest[size + 2 :]


def _events(pieces: Iterable[Timed]) -> Iterator[Timed]:
    data = b""
    for time, piece in pieces:
        data = (data + piece).replace(b"\r\n", b"\n")
        *complete, data = data.split(b"\n\n")
        for event in complete:
            lines = [line for line in event.split(b"\n") if line.startswith(b"data:")]
            if lines:
                yield time, b"\n".join(line[5:].removeprefix(b" ") for line in lines)
