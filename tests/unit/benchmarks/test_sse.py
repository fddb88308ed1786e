"""Events come out the same however the bytes were cut on their way."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.sse import MalformedAnswer, Timed, read_answer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EVENTS = [b"first", b"second line one\nline two", "dritte \u00e4".encode(), b"[DONE]"]


def event(data: bytes, newline: bytes) -> bytes:
    lines = [b"data: " + line for line in data.split(b"\n")]
    return newline.join([*lines, b"", b""])


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def cut(data: bytes, cuts: list[int]) -> list[Timed]:
    edges = [0, *sorted(c % len(data) for c in cuts), len(data)]
    return [(float(i), data[a:b]) for i, (a, b) in enumerate(pairwise(edges))]


@settings(derandomize=True, max_examples=60)
@given(cuts=st.lists(st.integers(0, 10_000)), newline=st.sampled_from([b"\n", b"\r\n"]))
def test_any_cut_of_the_bytes_gives_the_same_events(cuts: list[int], newline: bytes) -> None:
    body = chunked([event(data, newline) for data in EVENTS])

    answer = read_answer(cut(CHUNKED + body, cuts))

    assert answer.status == 200
    assert [data for _, data in answer.events] == EVENTS


@settings(derandomize=True, max_examples=30)
@given(cuts=st.lists(st.integers(0, 10_000)), chunks=st.lists(st.integers(0, 10_000)))
def test_chunks_need_not_end_where_events_do(cuts: list[int], chunks: list[int]) -> None:
    body = b"".join(event(data, b"\n") for data in EVENTS)
    pieces = [data for _, data in cut(body, chunks) if data]

    answer = read_answer(cut(CHUNKED + chunked(pieces), cuts))

    assert [data for _, data in answer.events] == EVENTS


def test_an_event_has_the_time_of_the_bytes_that_completed_it() -> None:
    one, two = event(b"one", b"\n"), event(b"two", b"\n")

    answer = read_answer(
        [(1.0, HEAD + b"\r\n" + one[:4]), (2.0, one[4:] + two[:4]), (3.0, two[4:])]
    )

    assert answer.events == [(2.0, b"one"), (3.0, b"two")]


def test_comments_and_other_fields_are_no_events() -> None:
    answer = read_answer([(1.0, HEAD + b"\r\n: ping\n\nevent: x\ndata:tight\nid: 1\n\n")])

    assert answer.events == [(1.0, b"tight")]


def test_a_refusal_keeps_its_body() -> None:
    answer = read_answer(
        [(1.0, b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n{}")]
    )

    assert (answer.status, answer.events) == (404, [(1.0, b"{}")])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no end of the head"),
        (b"SSH-2.0\r\n\r\n", "no status line"),
        (CHUNKED + b"zz\r\n", "no chunk size"),
        (CHUNKED + b"5\r\nabc", "before its last chunk"),
    ],
)
def test_bytes_that_are_no_answer_are_named(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        read_answer([(0.0, data)])
