"""HTTP/1.1 on one connection: uvicorn's protocol with the limits and deadlines that it lacks.

Refused here, before any application code runs: no Host or several, heads over a size or count,
long targets, anything llhttp calls malformed, heads and bodies that take too long to arrive,
readers that stall, and connections beyond the cap. Knows nothing of routes.
"""

import asyncio
import enum
import logging
import secrets
from collections.abc import Callable, Sequence

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from velocity_local.config.settings import LimitSettings
from velocity_local.core.errors import (
    CapacityError,
    HeadersTooLarge,
    InvalidRequest,
    Timeout,
    UriTooLong,
    VelocityError,
)
from velocity_local.daemon.server.connection_state import ConnectionState
from velocity_local.daemon.server.errors import headers_of, openai_body

logger = logging.getLogger(__name__)

MAX_TARGET_BYTES = 8 * 1024
BODY_FLOOR_BYTES_PER_S = 1024
MAX_MESSAGE_BYTES = 4096
"""WebSocket clients have nothing to say; a longer message ends the connection."""
LINGER_S = 1.0
LINGER_BYTES = 16 * 1024 * 1024
_HEADER_OVERHEAD_BYTES = len(": \r\n")


class _Stage(enum.Enum):
    """Which part of a message the parser waits for."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class _Refused(Exception):
    """Stops the parser from inside one of its callbacks."""


class Connection(HttpToolsProtocol):
    """One client's connection. At most one receipt deadline runs at a time."""

    def __init__(self, config: Config, state: ConnectionState, *, limits: LimitSettings) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._state = state
        self._limits = limits
        self._stage = _Stage.IDLE
        self._refusal: VelocityError | None = None
        self._discarded_bytes: int | None = None
        self._head_bytes = 0
        self._header_bytes = 0
        self._body_bytes = 0
        self._body_began_s = 0.0
        self._receipt: asyncio.TimerHandle | None = None
        self._write: asyncio.TimerHandle | None = None

    # connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it the same way
        super().connection_made(transport)
        self._state.is_empty.clear()
        if len(self.connections) > self._limits.connections:
            self._refuse(
                CapacityError(
                    f"{self._limits.connections} connections are open; close some or try later",
                    retry_after_s=1.0,
                )
            )
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_receipt_deadline()
        self._stop_write_deadline()
        super().connection_lost(exc)
        if not self.connections:
            self._state.is_empty.set()

    def data_received(self, data: bytes) -> None:
        if self._discarded_bytes is not None:
            self._discard(data)
            return
        self._unset_keepalive_if_required()
        is_head_only = self._stage is not _Stage.BODY
        if self._receipt is None and self._is_between_requests():
            self._expect_head()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
        except httptools.HttpParserError as error:
            self._refuse(self._refusal or InvalidRequest(f"malformed HTTP: {error}"))
        else:
            if is_head_only and self._stage is _Stage.HEAD:
                self._count_open_head(len(data))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_write_deadline()

    def resume_writing(self) -> None:
        self._stop_write_deadline()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._start_write_deadline()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._start_write_deadline()

    # parser callbacks

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stage = _Stage.HEAD
        self._head_bytes = 0
        self._header_bytes = 0
        if self._receipt is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._stop_parser(UriTooLong(f"the request target is over {MAX_TARGET_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value) + _HEADER_OVERHEAD_BYTES
        if len(self.headers) > self._limits.header_count:
            self._stop_parser(HeadersTooLarge(f"more than {self._limits.header_count} headers"))
        if self._header_bytes > self._limits.header_bytes:
            self._stop_parser(self._headers_too_large())

    def on_headers_complete(self) -> None:
        self._stop_receipt_deadline()
        if (problem := _head_problem(self.url, self.headers)) is not None:
            self._stop_parser(InvalidRequest(problem))
        super().on_headers_complete()
        self._stage = _Stage.BODY
        self._body_bytes = 0
        self._body_began_s = self.loop.time()
        self._start_receipt_deadline(self._limits.body_timeout_s, self._on_body_deadline)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._stop_receipt_deadline()
        self._stage = _Stage.IDLE
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._start_write_deadline()
        elif self._stage is _Stage.BODY and not self.pipeline:
            self._linger()

    # deadlines

    def _expect_head(self) -> None:
        self._start_receipt_deadline(self._limits.header_timeout_s, self._on_head_deadline)

    def _start_receipt_deadline(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._stop_receipt_deadline()
        self._receipt = self.loop.call_later(delay_s, callback)

    def _stop_receipt_deadline(self) -> None:
        if self._receipt is not None:
            self._receipt.cancel()
            self._receipt = None

    def _on_head_deadline(self) -> None:
        self._receipt = None
        if self.flow.read_paused:  # a pipelined request; it is we who do not read
            self._expect_head()
        elif self._stage is _Stage.IDLE:
            self.transport.close()
        else:
            limit_s = self._limits.header_timeout_s
            self._refuse(Timeout(f"the request's headers took longer than {limit_s:g} s"))

    def _on_body_deadline(self) -> None:
        self._receipt = None
        allowed_s = self._limits.body_timeout_s + self._body_bytes / BODY_FLOOR_BYTES_PER_S
        left_s = self._body_began_s + allowed_s - self.loop.time()
        if self.flow.read_paused:
            left_s = max(left_s, self._limits.body_timeout_s)
        if left_s > 0:
            self._start_receipt_deadline(left_s, self._on_body_deadline)
        else:
            self._refuse(Timeout(f"the request's body took longer than {allowed_s:.0f} s"))

    def _start_write_deadline(self) -> None:
        if self._write is None and self.transport.get_write_buffer_size() > 0:
            self._write = self.loop.call_later(self._limits.write_timeout_s, self.transport.abort)

    def _stop_write_deadline(self) -> None:
        if self._write is not None:
            self._write.cancel()
            self._write = None

    # refusals

    def _is_between_requests(self) -> bool:
        is_answered = self.cycle is None or self.cycle.response_complete
        return self._stage is _Stage.IDLE and is_answered

    def _headers_too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(f"the headers are over {self._limits.header_bytes} bytes")

    def _count_open_head(self, n_bytes: int) -> None:
        self._head_bytes += n_bytes
        if self._head_bytes > self._limits.header_bytes + MAX_TARGET_BYTES:
            self._refuse(self._headers_too_large())

    def _stop_parser(self, refusal: VelocityError) -> None:
        self._refusal = refusal
        raise _Refused

    def _upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol, if that is what is wanted."""
        if not self._should_upgrade():
            self._ignore_upgrade()
        elif self.pipeline or not (self.cycle is None or self.cycle.response_complete):
            self._refuse(InvalidRequest("an upgrade must wait for the answers before it"))
        else:
            from velocity_local.daemon.server import live  # noqa: PLC0415 - 20 ms, for few

            self._stop_receipt_deadline()
            self._stop_write_deadline()
            self.ws_protocol_class = live.LiveConnection
            self.handle_websocket_upgrade()

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def _ignore_upgrade(self) -> None:
        """Answer the request in HTTP/1.1 and take nothing more; llhttp cannot go on after it."""
        self.cycle.keep_alive = False
        self._discarded_bytes = 0

    def _can_answer(self) -> bool:
        """Whether an answer written now would be the answer to the message being received."""
        if self._stage is _Stage.BODY:
            return not self.pipeline and not self.cycle.response_started
        return self.cycle is None or self.cycle.response_complete

    def _refuse(self, error: VelocityError) -> None:
        self._stop_receipt_deadline()
        if self.transport.is_closing():
            return
        if not self._can_answer():
            self.transport.close()
            return
        if self._stage is _Stage.BODY:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        logger.debug("connection refused: %s", error.message)
        self.transport.write(_rendered(error, self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """Close for writing and drop what still comes.

        Closing at once would make the kernel send a reset, which can destroy the answer before
        a client that is still sending has read it.
        """
        self._stop_receipt_deadline()
        self._unset_keepalive_if_required()
        self._discarded_bytes = 0
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._receipt = self.loop.call_later(LINGER_S, self._end_linger)

    def _discard(self, data: bytes) -> None:
        self._discarded_bytes = (self._discarded_bytes or 0) + len(data)
        if self._discarded_bytes > LINGER_BYTES:
            self._end_linger()

    def _end_linger(self) -> None:
        self.transport.close()
        self._start_write_deadline()


def _head_problem(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    n_hosts = sum(1 for name, _ in headers if name == b"host")
    if n_hosts != 1:
        return f"the request has {n_hosts} Host headers; it needs exactly one"
    if not target.startswith(b"/") or not target.isascii():
        return "the request target must be an absolute path"
    return None


def _rendered(error: VelocityError, default_headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = openai_body(error)
    headers = [
        *default_headers,
        *headers_of(error),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", b"req_" + secrets.token_hex(12).encode()),
    ]
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    return STATUS_LINE[error.status] + lines + b"\r\n" + body
