import socket
import threading
from collections.abc import Iterator

import pytest

from velocity_local.client.cancellation import Cancellation
from velocity_local.client.chat import ChatRequest, Turn, stream_chat
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient

TIMEOUT_S = 10
REQUEST = ChatRequest("demo", (Turn("user", "Hi"),))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT_S)
        yield listener


def ask(listener: socket.socket, cancellation: Cancellation, ended: list[Exception]) -> None:
    client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}")
    try:
        with stream_chat(client, REQUEST, cancellation=cancellation) as items:
            list(items)
    except ClientError as error:
        ended.append(error)


def test_cancelling_ends_a_wait_for_the_first_byte(silent: socket.socket) -> None:
    cancellation, ended = Cancellation(), list[Exception]()
    thread = threading.Thread(target=ask, args=(silent, cancellation, ended))
    thread.start()
    connection, _ = silent.accept()
    with connection:
        connection.recv(1)
        cancellation.cancel()
        thread.join(TIMEOUT_S)
    assert len(ended) == 1


def test_one_that_was_cancelled_before_does_not_wait(silent: socket.socket) -> None:
    cancellation, ended = Cancellation(), list[Exception]()
    cancellation.cancel()
    ask(silent, cancellation, ended)
    assert len(ended) == 1
    assert cancellation.is_cancelled


def test_cancelling_in_the_middle_ends_the_stream(silent: socket.socket) -> None:
    cancellation, ended = Cancellation(), list[Exception]()
    thread = threading.Thread(target=ask, args=(silent, cancellation, ended))
    thread.start()
    connection, _ = silent.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        cancellation.cancel()
        thread.join(TIMEOUT_S)
    assert len(ended) == 1
