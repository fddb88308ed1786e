import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.client.errors import ProtocolError
from velocity_local.client.stream import MAX_EVENT_BYTES, EventParser


def events_of(*pieces: bytes) -> list[str]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"data: one\n\ndata: two\n\n", ["one", "two"]),
        (b"data: one\r\n\r\ndata: two\r\r", ["one"]),
        (b"data: one\r\rdata: two\r\r\n", ["one", "two"]),
        (b": comment\n\ndata:bare\n\n", ["bare"]),
        (b"event: x\nid: 7\ndata: a\ndata: b\n\n", ["a\nb"]),
        (b"data:  two spaces\n\n", [" two spaces"]),
        (b"\xef\xbb\xbfdata: after a mark\n\n", ["after a mark"]),
        (b"data\n\n", [""]),
        (b"data: unfinished\n", []),
    ],
)
def test_events_are_read_as_the_standard_says(text: bytes, expected: list[str]) -> None:
    assert events_of(text) == expected


LINES = st.lists(
    st.sampled_from(["data: a", "data:", "data: \N{SNOWMAN}{}", ": note", "", "id: 1", "data"]),
    max_size=12,
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.lists(st.integers(0, 200), max_size=6))
def test_any_split_gives_the_same_events(lines: list[str], end: str, cuts: list[int]) -> None:
    text = "".join(line + end for line in [*lines, "", ""]).encode() + b":\n"
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[low:high] for low, high in itertools.pairwise(edges)]
    assert events_of(*pieces) == events_of(text)


def test_an_endless_line_is_refused() -> None:
    parser = EventParser()
    with pytest.raises(ProtocolError, match="longer than"):
        parser.feed(b"data: " + b"x" * MAX_EVENT_BYTES)


def test_an_endless_event_is_refused() -> None:
    line = b"data: " + b"x" * 1024 * 1024 + b"\n"
    with pytest.raises(ProtocolError, match="longer than"):
        events_of(*[line] * 9)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ProtocolError, match="not UTF-8 at byte 1"):
        events_of(b"data: a\xff\n\n")
