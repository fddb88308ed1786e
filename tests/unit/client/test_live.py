"""What a daemon pushes, from a server that speaks the real WebSocket over a real socket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import msgspec
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)

from tests.tui.snapshots import TELEMETRY
from velocity_local.client import live
from velocity_local.client.cancellation import Cancellation
from velocity_local.client.errors import ApiError, ProtocolError, Unreachable
from velocity_local.client.http import HttpClient

TEXT = msgspec.json.encode(TELEMETRY).decode()


@contextmanager
def pushing(*events: Event, stays: bool = False) -> Iterator[tuple[HttpClient, list[Request]]]:
    """A server that says `events` to the first who comes, and then closes or stays."""
    asked: list[Request] = []
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with closing(connection):
            protocol = WSConnection(ConnectionType.SERVER)
            protocol.receive_data(connection.recv(65536))
            request = next(iter(protocol.events()))
            assert isinstance(request, Request)
            asked.append(request)
            for event in events:
                connection.sendall(protocol.send(event))
            if stays:
                over.wait(30)
            _see_off(connection)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        yield HttpClient(f"http://127.0.0.1:{port}/below", secret="key"), asked
        over.set()
        thread.join()


def _see_off(connection: socket.socket) -> None:
    """Closing with something unread would reset the connection, and lose what was sent."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def test_what_is_pushed_comes_as_values_whatever_its_frames() -> None:
    half = len(TEXT) // 2
    pieces = (
        AcceptConnection(),
        TextMessage(TEXT),
        Ping(),
        TextMessage(TEXT[:half], message_finished=False),
        TextMessage(TEXT[half:]),
        CloseConnection(code=1001),
    )
    with pushing(*pieces) as (client, asked), live.telemetry(client, period_s=0.5) as values:
        assert [next(values), next(values)] == [TELEMETRY, TELEMETRY]
        with pytest.raises(Unreachable, match="closed the connection"):
            next(values)
    assert asked[0].target == "/below/api/v1/telemetry/live?period_s=0.5"
    assert (b"authorization", b"Bearer key") in asked[0].extra_headers


def test_a_refusal_has_its_status() -> None:
    refusal = RejectConnection(status_code=401, headers=[(b"content-length", b"0")])
    with (
        pushing(refusal) as (client, _),
        live.telemetry(client, period_s=1) as values,
        pytest.raises(ApiError) as caught,
    ):
        next(values)
    assert caught.value.status == 401


def test_what_is_no_telemetry_is_told() -> None:
    pieces = (AcceptConnection(), TextMessage('{"at_s": "now"}'))
    with (
        pushing(*pieces) as (client, _),
        live.telemetry(client, period_s=1) as values,
        pytest.raises(ProtocolError, match="not understood"),
    ):
        next(values)


def test_a_listener_is_sent_home_by_another_thread() -> None:
    end = Cancellation()
    pieces = (AcceptConnection(), TextMessage(TEXT))
    with (
        pushing(*pieces, stays=True) as (client, _),
        live.telemetry(client, period_s=30, cancellation=end) as values,
    ):
        next(values)
        threading.Timer(0.05, end.cancel).start()
        with pytest.raises(Unreachable):
            next(values)
