"""What a daemon pushes over a WebSocket (RFC 6455, by wsproto), on a blocking socket."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import msgspec
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
from wsproto.utilities import RemoteProtocolError

from velocity_local.client.cancellation import Cancellation
from velocity_local.client.errors import ApiError, ProtocolError, Unreachable
from velocity_local.client.http import HttpClient, with_query
from velocity_local.wire.http.telemetry import TelemetryAnswer

T = TypeVar("T")
_PIECE_BYTES = 64 * 1024
_MOST_CHARACTERS = 4 * 1024 * 1024
_SILENCE = 10
"""So many periods without a message end it."""


@contextmanager
def telemetry(
    client: HttpClient, *, period_s: float, cancellation: Cancellation | None = None
) -> Iterator[Iterator[TelemetryAnswer]]:
    """The machine every `period_s`; leaving early closes the connection.

    With `cancellation` another thread can end it. Entering and the iteration raise ClientError.
    """
    path = with_query("/api/v1/telemetry/live", period_s=period_s)
    connection = client.dial(timeout_s=period_s * _SILENCE, cancellation=cancellation)
    with closing(connection):
        yield _Pushed(client, connection, path).values(TelemetryAnswer)


class _Pushed:
    """One WebSocket, on which we only listen."""

    def __init__(self, client: HttpClient, connection: socket.socket, path: str) -> None:
        self._client = client
        self._connection = connection
        self._protocol = WSConnection(ConnectionType.CLIENT)
        headers = [(name.encode(), value.encode()) for name, value in client.credentials.items()]
        target = client.target(path)
        self._send(Request(host=client.authority, target=target, extra_headers=headers))

    def values(self, type_: type[T]) -> Iterator[T]:
        text = ""
        for event in self._events():
            match event:
                case TextMessage(data=data, message_finished=is_whole):
                    text += data
                    if len(text) > _MOST_CHARACTERS:
                        raise ProtocolError(f"a message of {self._client.base_url} is too long")
                    if is_whole:
                        yield self._decoded(text, type_)
                        text = ""
                case Ping():
                    self._send(event.response())
                case RejectConnection(status_code=status):
                    raise ApiError(status, "refused", f"it refuses with status {status}")
                case CloseConnection():
                    raise Unreachable(self._client.base_url, "it closed the connection")
                case AcceptConnection() | _:
                    pass

    def _events(self) -> Iterator[Event]:
        while True:
            data = self._received()
            try:
                self._protocol.receive_data(data or None)
            except RemoteProtocolError as error:
                raise ProtocolError(f"{self._client.base_url} speaks no WebSocket") from error
            yield from self._protocol.events()
            if not data:
                raise Unreachable(self._client.base_url, "it closed the connection")

    def _received(self) -> bytes:
        try:
            return self._connection.recv(_PIECE_BYTES)
        except OSError as error:
            raise Unreachable(self._client.base_url, "the connection broke off") from error

    def _send(self, event: Event) -> None:
        try:
            self._connection.sendall(self._protocol.send(event))
        except OSError as error:
            raise Unreachable(self._client.base_url, "the connection broke off") from error

    def _decoded(self, text: str, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=type_)
        except msgspec.DecodeError as error:
            message = f"a message of {self._client.base_url} is not understood ({error})"
            raise ProtocolError(message) from error
