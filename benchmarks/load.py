"""Sends chat requests that start together and records what comes back, with as little work as
possible.

Sockets are read by one plain selector loop and their bytes kept with the time of arrival;
`measure` reads them afterwards. An event loop or parsing on the way would take its time from the
server, which runs on the same cores.
"""

import selectors
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time
from urllib.parse import urlsplit

import msgspec

from benchmarks.measure import Run, read_stream, summarise
from benchmarks.prompts import prompt_of
from benchmarks.sampling import Sampling
from benchmarks.sse import Timed

RECEIVE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Target:
    """A server and the model it is asked for."""

    url: str
    model: str
    api_key: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 80


@dataclass(frozen=True, slots=True)
class Load:
    """`streams` requests that start together; each has a prompt of its own."""

    streams: int
    words: int
    max_tokens: int
    sampling: Sampling
    first_seed: int
    timeout_s: float = 600.0

    def prompts(self) -> list[str]:
        return [prompt_of(self.words, seed=self.first_seed + i) for i in range(self.streams)]


@dataclass(slots=True)
class Recording:
    """One connection: when its request was sent, and every piece of the answer."""

    connection: socket.socket
    sent_s: float = 0.0
    pieces: list[Timed] = field(default_factory=list)

    def receive(self) -> bool:
        """Keeps what has come; False once the server has closed."""
        data = self.connection.recv(RECEIVE_BYTES)
        if data:
            self.pieces.append((perf_counter(), data))
        return bool(data)


def run_load(target: Target, load: Load) -> Run:
    """
    Raises:
        FailedStream: if any stream was refused or cut.
        TimeoutError: if nothing came for as long as the load allows.
    """
    requests = [chat_request(target, prompt, load) for prompt in load.prompts()]
    cpu = process_time()
    recordings = record(target.address, requests, timeout_s=load.timeout_s)
    cpu = process_time() - cpu
    streams = [read_stream(recording.sent_s, recording.pieces) for recording in recordings]
    return summarise(streams, client_cpu_s=cpu)


def record(
    address: tuple[str, int], requests: Sequence[bytes], *, timeout_s: float
) -> list[Recording]:
    """The answers to `requests`, each on a connection of its own that the server closes."""
    recordings = [Recording(socket.create_connection(address, timeout_s)) for _ in requests]
    for recording, request in zip(recordings, requests, strict=True):
        recording.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        recording.sent_s = perf_counter()
        recording.connection.sendall(request)
    if len(recordings) == 1:
        _receive_one(recordings[0])
    else:
        _receive_all(recordings, timeout_s)
    for recording in recordings:
        recording.connection.close()
    return recordings


def _receive_one(recording: Recording) -> None:
    """Without a selector: a lone stream wakes the driver for every token."""
    while recording.receive():
        pass


def _receive_all(recordings: Sequence[Recording], timeout_s: float) -> None:
    with selectors.DefaultSelector() as selector:
        for recording in recordings:
            selector.register(recording.connection, selectors.EVENT_READ, recording)
        _select_until_closed(selector, timeout_s)


def _select_until_closed(selector: selectors.BaseSelector, timeout_s: float) -> None:
    while selector.get_map():
        ready = selector.select(timeout_s)
        if not ready:
            raise TimeoutError(f"the server sent nothing for {timeout_s:.0f} s")
        for key, _ in ready:
            recording: Recording = key.data
            if not recording.receive():
                selector.unregister(recording.connection)


def chat_request(target: Target, prompt: str, load: Load) -> bytes:
    """One question, as `conversation_request` sends it."""
    turns = [{"role": "user", "content": prompt}]
    return conversation_request(target, turns, load.max_tokens, load.sampling)


def conversation_request(
    target: Target, turns: Sequence[dict[str, str]], max_tokens: int, sampling: Sampling
) -> bytes:
    """A streaming chat completion as bytes; it asks the server to close when it has answered."""
    body = msgspec.json.encode(
        {
            "model": target.model,
            "messages": turns,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
            **sampling.fields(),
        }
    )
    host, port = target.address
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: {host}:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if target.api_key:
        head.append(f"Authorization: Bearer {target.api_key}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body
