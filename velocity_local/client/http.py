"""Typed requests to a daemon over the standard library's client, which loads in a few ms."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from velocity_local.client.cancellation import Cancellation
from velocity_local.client.errors import ApiError, ClientError, ProtocolError, Unreachable
from velocity_local.client.stream import EventParser

T = TypeVar("T")
_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 3600.0
_QUICK_TIMEOUT_S = 30.0
_PIECE_BYTES = 64 * 1024
_END = "[DONE]"


class _ErrorBody(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Envelope(msgspec.Struct):
    error: _ErrorBody


class HttpClient:
    """Talks to one daemon. A connection for each request; nothing is kept open between.

    `secret` goes into the Authorization header: an API key, or the installation's token.
    """

    def __init__(self, base_url: str, *, secret: str | None = None) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no http address")
        self.base_url = base_url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._secret = secret

    def get(self, path: str, type_: type[T], *, timeout_s: float = _QUICK_TIMEOUT_S) -> T:
        return self.call("GET", path, type_, timeout_s=timeout_s)

    def call(
        self,
        method: str,
        path: str,
        type_: type[T],
        *,
        body: object = None,
        timeout_s: float = _QUICK_TIMEOUT_S,
    ) -> T:
        """Send a request and decode the answer as `type_`.

        Raises:
            Unreachable: nobody answers in time.
            ApiError: the answer has an error status.
            ProtocolError: the answer is not a `type_`.
        """
        with self._exchange(method, path, body, timeout_s=timeout_s) as response:
            data = _read(response, self.base_url)
        return _decode(data, type_, self.base_url)

    def status(self, path: str, *, timeout_s: float = _QUICK_TIMEOUT_S) -> tuple[int, bytes]:
        """Status and body of a GET, also of one that says "not now"."""
        with self._exchange("GET", path, None, timeout_s=timeout_s, check=False) as response:
            return response.status, _read(response, self.base_url)

    @contextmanager
    def stream(
        self,
        path: str,
        body: object,
        *,
        headers: Mapping[str, str] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Iterator[Iterator[str]]:
        """The data of a streamed answer's events; leaving early closes it, which cancels.

        With `cancellation` another thread can end it; the iteration then raises ClientError.
        """
        with self._exchange(
            "POST",
            path,
            body,
            timeout_s=_READ_TIMEOUT_S,
            headers=headers,
            cancellation=cancellation,
        ) as response:
            yield self._events(response)

    def _events(self, response: http.client.HTTPResponse) -> Iterator[str]:
        parser = EventParser()
        while piece := _read_piece(response, self.base_url):
            for event in parser.feed(piece):
                if event == _END:
                    return
                yield event
        raise ProtocolError(f"the stream from {self.base_url} broke off before its end")

    def dial(self, *, timeout_s: float, cancellation: Cancellation | None) -> socket.socket:
        """A connection for what is no exchange of HTTP; the caller closes it.

        Raises:
            Unreachable: nobody answers in time.
        """
        connection = self._connect(timeout_s, cancellation).sock
        assert isinstance(connection, socket.socket)
        return connection

    def target(self, path: str) -> str:
        """What a request line says for `path`."""
        return self._prefix + path

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return host if self._port is None else f"{host}:{self._port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The header that says who asks."""
        return {} if self._secret is None else {"Authorization": f"Bearer {self._secret}"}

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        body: object,
        *,
        timeout_s: float,
        check: bool = True,
        headers: Mapping[str, str] | None = None,
        cancellation: Cancellation | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        with (
            closing(self._connect(timeout_s, cancellation)) as connection,
            closing(self._send(connection, method, path, body, headers or {})) as response,
        ):
            if check and response.status >= http.client.BAD_REQUEST:
                raise _api_error(response, _read(response, self.base_url))
            yield response

    def _connect(
        self, timeout_s: float, cancellation: Cancellation | None
    ) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=min(timeout_s, _CONNECT_TIMEOUT_S))
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(self.base_url, _reason(error)) from error
        assert isinstance(connection.sock, socket.socket)
        connection.sock.settimeout(timeout_s)
        if cancellation is not None:
            cancellation.watch(connection.sock)
        return connection

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: object,
        more: Mapping[str, str],
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json, text/event-stream", "Connection": "close", **more}
        headers |= self.credentials
        payload = None
        if body is not None:
            payload = msgspec.json.encode(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self.target(path), payload, headers)
            return connection.getresponse()
        except TimeoutError as error:
            raise Unreachable(self.base_url, "it took too long to answer") from error
        except http.client.RemoteDisconnected as error:
            raise Unreachable(self.base_url, "it closed the connection") from error
        except http.client.HTTPException as error:
            raise ProtocolError(f"{self.base_url} does not speak HTTP") from error
        except OSError as error:
            raise Unreachable(self.base_url, _reason(error)) from error


def with_query(path: str, **parameters: str | float | bool | None) -> str:
    """`path` with the parameters that are not None."""
    given = {name: _text(value) for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def segment(text: str) -> str:
    """`text` as one segment of a path; model ids may hold slashes, which the API keeps."""
    return quote(text, safe="/:@")


def _text(value: str | float | bool) -> str:  # noqa: FBT001 - a value to render, not a switch
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decode(data: bytes, type_: type[T], base_url: str) -> T:
    try:
        return msgspec.json.decode(data, type=type_)
    except msgspec.DecodeError as error:
        raise ProtocolError(
            f"the answer from {base_url} is not understood ({error}); is it velocity-local, and of"
            " this version?"
        ) from error


def _read(response: http.client.HTTPResponse, base_url: str) -> bytes:
    try:
        return response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(base_url, "the connection broke off") from error


def _read_piece(response: http.client.HTTPResponse, base_url: str) -> bytes:
    try:
        return response.read1(_PIECE_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(base_url, "the connection broke off") from error


def _api_error(response: http.client.HTTPResponse, data: bytes) -> ClientError:
    retry_after = response.getheader("Retry-After", "")
    retry_after_s = float(retry_after) if retry_after.isdecimal() else None
    try:
        body = msgspec.json.decode(data, type=_Envelope).error
    except msgspec.DecodeError:
        body = _ErrorBody(f"{response.status} {response.reason}")
    code = body.code or "unknown"
    return ApiError(response.status, code, body.message, retry_after_s=retry_after_s)


def event_error(data: str) -> ApiError | None:
    """The error that a stream's event stands for, if it is one."""
    if not data.startswith('{"error"'):
        return None
    try:
        body = msgspec.json.decode(data, type=_Envelope).error
    except msgspec.DecodeError:
        return None
    return ApiError(http.client.OK, body.code or "unknown", body.message)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long to answer"
    return error.strerror.lower() if error.strerror else str(error)
