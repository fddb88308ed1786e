"""Figures come from the times at which text arrived and from the server's own token counts."""

import pytest

from benchmarks.measure import FailedStream, Stream, percentile, read_stream, summarise
from benchmarks.sse import Timed

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def delta(time: float, fields: str) -> Timed:
    return time, b'data: {"choices":[{"delta":{%b}}]}\n\n' % fields.encode()


def test_the_role_is_not_the_first_token() -> None:
    stream = read_stream(
        1.0,
        [
            (1.1, HEAD),
            delta(1.2, '"role":"assistant","content":""'),
            delta(1.5, '"content":"a"'),
            delta(1.6, '"reasoning_content":"b"'),
            (1.7, USAGE + DONE),
        ],
    )

    assert stream == Stream(1.0, [1.5, 1.6], prompt_tokens=7, completion_tokens=2, text="a")
    assert stream.ttft_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([(0.0, b"HTTP/1.1 503 Busy\r\n\r\nlater")], "status 503: later"),
        ([(0.0, HEAD), (0.1, USAGE)], "without \\[DONE\\]"),
        ([(0.0, HEAD), (0.1, USAGE + DONE)], "0 events with text"),
        ([(0.0, HEAD), delta(0.1, '"content":"a"'), (0.2, DONE)], "usage is None"),
    ],
)
def test_a_stream_that_measures_nothing_is_an_error(pieces: list[Timed], reason: str) -> None:
    with pytest.raises(FailedStream, match=reason):
        read_stream(0.0, pieces)


def test_rates_count_prefill_once_and_decode_alone() -> None:
    streams = [
        Stream(0.0, [1.0, 1.5, 2.0], prompt_tokens=10, completion_tokens=3),
        Stream(0.0, [1.0, 1.5, 2.0], prompt_tokens=10, completion_tokens=3),
    ]

    run = summarise(streams, client_cpu_s=0.0006)

    assert run.total_tokens_per_s == pytest.approx(3.0)
    assert run.decode_tokens_per_s == pytest.approx(4.0)
    assert run.ttft_p50_ms == pytest.approx(1000)
    assert run.itl_p99_ms == pytest.approx(500)
    assert run.client_us_per_token == pytest.approx(100)


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([1.0, 2.0], 50) == pytest.approx(1.5)
    assert percentile([3.0], 99) == 3.0
