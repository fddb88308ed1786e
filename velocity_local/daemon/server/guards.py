"""The first thing every request meets: one ASGI wrapper around the whole application.

Host allow-list against DNS rebinding, Origin and Fetch-Metadata checks against foreign web pages,
CORS for the origins that are allowed, credentials, media type and body size. All of it is decided
from the head; the body is not read before the verdict.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

import msgspec

from velocity_local.config import logs
from velocity_local.config.settings import LimitSettings, ServerSettings
from velocity_local.core.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unauthorized,
    UnsupportedMedia,
    VelocityError,
)
from velocity_local.daemon.server.access import Access, Caller, Credentials, access_of
from velocity_local.daemon.server.errors import ClientGone, Headers, headers_of, openai_body
from velocity_local.wire.http import headers as own

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_SINGLE = frozenset(
    {
        b"host",
        b"origin",
        b"authorization",
        b"x-api-key",
        b"content-type",
        b"content-encoding",
        b"sec-fetch-site",
        b"access-control-request-method",
        b"access-control-request-headers",
        own.PRIORITY.encode(),
        own.QUEUE_TIMEOUT.encode(),
        own.KEEP_ALIVE.encode(),
    }
)
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITES = frozenset({b"same-origin", b"none"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9, _-]{1,1024}")
_PREFLIGHT_AGE_S = b"600"
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_CLIENT_CHARS = 120
_EXPOSED = ", ".join(
    ("x-request-id", "retry-after", own.QUEUE_POSITION, own.QUEUE_ESTIMATE, own.QUEUE_WAITED)
).encode()


class _Head(msgspec.Struct, frozen=True):
    """A request's head, once: no header that decides anything may come twice."""

    method: str
    path: str
    server: tuple[str, int]
    headers: dict[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope) -> "_Head":
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in headers and name in _SINGLE:
                raise InvalidRequest(f"the request has two {name.decode()} headers")
            headers[name] = value
        return cls(scope["method"], scope["path"], tuple(scope["server"]), headers)

    @property
    def is_preflight(self) -> bool:
        return self.method == "OPTIONS" and b"access-control-request-method" in self.headers

    @property
    def has_body(self) -> bool:
        if b"transfer-encoding" in self.headers:
            return True
        return self.headers.get(b"content-length", b"0").strip() != b"0"


class Guards:
    """Wraps `app`; answers itself what does not pass. `notices` go with every other answer."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        server: ServerSettings,
        limits: LimitSettings,
        credentials: Credentials,
        notices: Callable[[], Headers],
    ) -> None:
        self._app = app
        self._notices = notices
        self._credentials = credentials
        self._body_bytes = limits.body_bytes
        self._host_names = frozenset(name.lower().encode() for name in server.allowed_hosts)
        self._origins = frozenset(origin.lower().encode() for origin in server.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._live(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        request_id = _request_id(scope)
        logs.request_id.set(request_id)
        extra: Headers = [(b"x-request-id", request_id.encode()), _NOSNIFF]
        try:
            head = _Head.of(scope)
            self._check_host(head)
            origin = self._foreign_origin(head)
        except VelocityError as error:
            await _refuse(error, extra, send)
            return
        if origin is not None:
            extra += _cors(origin)
            if head.is_preflight:
                await _answer(204, extra + _preflight(head), b"", send)
                return
        try:
            caller = self._check_request(head)
        except VelocityError as error:
            await _refuse(error, extra, send)
            return
        scope["state"]["request_id"] = request_id
        scope["state"]["caller"] = caller
        address = scope["client"][0] if scope["client"] else "?"
        scope["state"]["client"] = _client(address, head.headers.get(b"user-agent", b""))
        await self._app(
            scope, self._bounded(head, receive), _with_headers(send, extra + self._notices())
        )

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for a WebSocket's handshake, which is a GET without a body."""
        request_id = _request_id(scope)
        logs.request_id.set(request_id)
        try:
            head = _Head.of({**scope, "method": "GET"})
            self._check_host(head)
            self._foreign_origin(head)
            caller = self._check_request(head)
        except VelocityError as error:
            await _refuse(error, [(b"x-request-id", request_id.encode()), _NOSNIFF], _denial(send))
            return
        scope["state"]["request_id"] = request_id
        scope["state"]["caller"] = caller
        await self._app(scope, receive, send)

    def _check_host(self, head: _Head) -> None:
        host = head.headers.get(b"host", b"").lower()
        if host in _own_hosts(head.server) or host in self._host_names:
            return
        name, colon, port = host.rpartition(b":")
        if colon and port.isdigit() and name in self._host_names:
            return
        raise Forbidden(
            "the Host header names no address of this server; add it to server.allowed_hosts "
            "if it should"
        )

    def _foreign_origin(self, head: _Head) -> bytes | None:
        """The allow-listed origin of a web page that is not ours, if one asks.

        Raises:
            Forbidden: for any other foreign page.
        """
        origin = head.headers.get(b"origin")
        if origin is not None and origin.lower() in self._origins:
            return origin
        site = head.headers.get(b"sec-fetch-site")
        if origin is not None and origin.lower() != b"http://" + head.headers[b"host"].lower():
            raise Forbidden("web pages of this origin may not call; see server.allowed_origins")
        if site is not None and site not in _OWN_SITES:
            raise Forbidden("web pages of another site may not call; see server.allowed_origins")
        return None

    def _check_request(self, head: _Head) -> Caller:
        access = access_of(head.path)
        if access is None:
            raise NotFound("no such path; it holds an empty, dot or unprintable segment")
        caller = self._check_credentials(access, head)
        if head.method in _WITH_BODY and head.has_body:
            _check_media(head)
        length = head.headers.get(b"content-length", b"0")
        if int(length) > self._body_bytes:
            raise self._too_large()
        return caller

    def _check_credentials(self, access: Access, head: _Head) -> Caller:
        presented = _presented(head)
        caller = self._credentials.caller(access, presented)
        if caller is not None:
            return caller
        kind = "install token" if access is Access.MANAGEMENT else "API key"
        problem = f"no {kind} was sent" if presented is None else f"this is no valid {kind}"
        raise Unauthorized(f"{problem}; send it as `Authorization: Bearer` or `x-api-key`")

    def _bounded(self, head: _Head, receive: Receive) -> Receive:
        """`receive`, with the limit for bodies that have not told their length, and with an
        exception of its own for clients that leave before their body is whole.
        """
        if not head.has_body:
            return receive
        seen_bytes = 0
        is_whole = False

        async def counted() -> Message:
            nonlocal seen_bytes, is_whole
            message = await receive()
            if is_whole:
                return message
            if message["type"] == "http.disconnect":
                raise ClientGone
            seen_bytes += len(message["body"])
            if seen_bytes > self._body_bytes:
                raise self._too_large()
            is_whole = not message["more_body"]
            return message

        return counted

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is over {self._body_bytes} bytes, the limit of this server")


@lru_cache(maxsize=64)
def _own_hosts(server: tuple[str, int]) -> frozenset[bytes]:
    """What Host may be: loopback's names, and the very address the connection came in on."""
    address, port = server
    literal = f"[{address}]" if ":" in address else address
    names = ("localhost", "127.0.0.1", "[::1]", literal)
    return frozenset(f"{name}:{port}".encode() for name in names)


def _request_id(scope: Scope) -> str:
    """The caller's own id if it is a tame one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return "req_" + secrets.token_hex(12)


def _presented(head: _Head) -> bytes | None:
    """The secret that was sent; two different ones are as good as none."""
    authorization = head.headers.get(b"authorization")
    key = head.headers.get(b"x-api-key")
    if authorization is None:
        return key
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        return key or b""
    if key is not None and key != token.strip():
        return b""
    return token.strip()


def _check_media(head: _Head) -> None:
    media = head.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if media != b"application/json":
        raise UnsupportedMedia("send JSON, with the header `Content-Type: application/json`")
    encoding = head.headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        raise UnsupportedMedia("compressed bodies are not taken; send the JSON as it is")


def _cors(origin: bytes) -> Headers:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"Origin"),
    ]


def _preflight(head: _Head) -> Headers:
    asked = head.headers.get(b"access-control-request-headers", b"")
    headers: Headers = [
        (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
        (b"access-control-max-age", _PREFLIGHT_AGE_S),
    ]
    if _HEADER_NAMES.fullmatch(asked):
        headers.append((b"access-control-allow-headers", asked))
    if head.headers.get(b"access-control-request-private-network") == b"true":
        headers.append((b"access-control-allow-private-network", b"true"))
    return headers


@lru_cache(maxsize=256)
def _client(address: str, agent: bytes) -> str:
    """Who asked, for the history: the peer's address and what it says it is."""
    printable = "".join(char for char in agent.decode("latin-1") if char.isprintable())
    return f"{address} {printable}"[:_CLIENT_CHARS].strip()


def _with_headers(send: Send, extra: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *extra]
        await send(message)

    return sending


def _denial(send: Send) -> Send:
    """An HTTP answer to a WebSocket's handshake: ASGI's `websocket.http.response` extension."""

    async def sending(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return sending


async def _refuse(error: VelocityError, extra: Headers, send: Send) -> None:
    await _answer(error.status, headers_of(error) + extra, openai_body(error), send)


async def _answer(status: int, headers: Headers, body: bytes, send: Send) -> None:
    length = (b"content-length", b"%d" % len(body))
    headers = headers if status == 204 else [*headers, length]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
