"""The driver records what real sockets bring, for one stream and for many."""

import socketserver
import threading
from collections.abc import Iterator

import pytest

from benchmarks.load import Load, Target, run_load
from benchmarks.measure import FailedStream
from benchmarks.sampling import Sampling

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"b"}}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


class Handler(socketserver.StreamRequestHandler):
    """Answers every request with two tokens and closes; refuses the model `absent`."""

    def handle(self) -> None:
        length = 0
        while (line := self.rfile.readline()).strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        is_absent = b'"absent"' in self.rfile.read(length)
        self.wfile.write(b"HTTP/1.1 404 Not Found\r\n\r\nno such model" if is_absent else ANSWER)


@pytest.fixture
def url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("streams", [1, 3])
def test_every_stream_is_recorded_to_its_end(url: str, streams: int) -> None:
    run = run_load(Target(url, "model"), Load(streams, 5, 2, Sampling(), 0, timeout_s=10))

    assert (run.streams, run.prompt_tokens, run.completion_tokens) == (
        streams,
        7 * streams,
        2 * streams,
    )
    assert run.ttft_p50_ms > 0


def test_a_refused_request_fails_the_run(url: str) -> None:
    with pytest.raises(FailedStream, match="status 404: no such model"):
        run_load(Target(url, "absent"), Load(1, 5, 2, Sampling(), 0, timeout_s=10))
