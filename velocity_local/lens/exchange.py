"""One HTTP/1.1 exchange on an asyncio transport: bytes, each with the time it arrived.

Knows no provider and no event format. Times are `time.perf_counter` seconds; those of bytes are
what `stamp` says, the moment when the event loop found them. Protocol: RFC 9112, parsed by llhttp
(httptools).
"""

import asyncio
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Protocol

import httptools

from velocity_local.lens.faults import Fault

MAX_HEAD_FIELDS = 256
_NO_BODY = frozenset({204, 304})
_FIRST_FINAL_STATUS = 200


class Sink(Protocol):
    """Takes one answer as it comes. Its methods are called by the event loop and must be quick."""

    def head(self, at_s: float, status: int, headers: Mapping[str, str]) -> None: ...

    def body(self, at_s: float, data: bytes) -> Fault | None:
        """More of the body; a fault ends the exchange."""
        ...


class Limits(Protocol):
    """How long to wait, in seconds; each may be infinite."""

    @property
    def first_byte_s(self) -> float: ...

    @property
    def stall_s(self) -> float: ...

    @property
    def total_s(self) -> float: ...


class Outcome:
    """How an exchange ended: `fault` is None if the answer is complete."""

    __slots__ = ("end_s", "fault", "n_bytes", "sent_s")

    def __init__(self, sent_s: float, end_s: float, n_bytes: int, fault: Fault | None) -> None:
        self.sent_s = sent_s
        self.end_s = end_s
        self.n_bytes = n_bytes
        self.fault = fault


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time. `stamp` tells the time of bytes, `idle_s`
    how long it had waited before the last exchange began.
    """

    def __init__(self, stamp: Callable[[], float] = perf_counter) -> None:
        self._stamp = stamp
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._sink: Sink | None = None
        self._done: asyncio.Future[Outcome] | None = None
        self._headers: dict[str, str] = {}
        self._sent_s = self._now_s = self._last_s = 0.0
        self._n_bytes = 0
        self._fault: Fault | None = None
        self._ends_at_eof = self._is_complete = self._is_reusable = False
        self.is_open = False
        self.idle_s = 0.0

    @property
    def is_reusable(self) -> bool:
        """Whether another exchange may follow on it."""
        return self.is_open and self._is_reusable and self._done is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.is_open = True
        self._is_reusable = True

    async def exchange(self, request: bytes, sink: Sink, limits: Limits) -> Outcome:
        """Send a request and hand its answer to `sink`; cancelling closes the connection."""
        assert self._transport is not None
        assert self._done is None, "one exchange at a time"
        loop = asyncio.get_running_loop()
        self.idle_s = perf_counter() - self._last_s if self._sink is not None else 0.0
        self._begin(sink, loop.create_future())
        done = self._done
        assert done is not None
        self._transport.write(request)
        watch = _Watch(self, loop, limits)
        try:
            return await done
        finally:
            watch.stop()
            self._done = None
            if not self._is_complete or not self._is_reusable:
                self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._now_s = self._last_s = max(self._stamp(), self._sent_s)
        if self._done is None or self._parser is None:
            self.close()  # an answer that nobody asked for: the connection is not to be trusted
            return
        self._n_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._settle(self._fault or Fault("bad_http", f"the answer is not HTTP: {error}"))
            return
        if self._fault is not None:
            self._settle(self._fault)

    def eof_received(self) -> None:
        self._now_s = perf_counter()
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._now_s = perf_counter()
        self.is_open = False
        self._ended(exc)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._headers) < MAX_HEAD_FIELDS:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        assert self._sink is not None
        status = self._parser.get_status_code()
        self._ends_at_eof = (
            "content-length" not in self._headers
            and "chunked" not in self._headers.get("transfer-encoding", "").lower()
            and status not in _NO_BODY
        )
        if status >= _FIRST_FINAL_STATUS:
            self._sink.head(self._now_s, status, self._headers)

    def on_body(self, body: bytes) -> None:
        assert self._sink is not None
        if self._fault is None:
            self._fault = self._sink.body(self._now_s, body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._parser.get_status_code() < _FIRST_FINAL_STATUS:  # as 100 Continue: it announces
            self._headers = {}
            return
        self._is_complete = True
        self._is_reusable = self._is_reusable and self._parser.should_keep_alive()
        self._settle(self._fault)

    def waited_too_long(self, limits: Limits, now_s: float) -> Fault | None:
        """The limit that has passed, if one has."""
        if now_s - self._sent_s >= limits.total_s:
            return Fault("timeout_total", f"not complete after {limits.total_s:g} s")
        if self._n_bytes == 0 and now_s - self._sent_s >= limits.first_byte_s:
            return Fault("timeout_first_byte", f"no byte within {limits.first_byte_s:g} s")
        if self._n_bytes and now_s - self._last_s >= limits.stall_s:
            return Fault("timeout_stall", f"nothing more came for {limits.stall_s:g} s")
        return None

    def give_up(self, fault: Fault) -> None:
        """End the exchange with `fault`."""
        self._now_s = perf_counter()
        self._settle(fault)

    def _begin(self, sink: Sink, done: "asyncio.Future[Outcome]") -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._sink = sink
        self._done = done
        self._headers = {}
        self._fault = None
        self._n_bytes = 0
        self._ends_at_eof = self._is_complete = False
        self._sent_s = self._now_s = self._last_s = perf_counter()

    def _ended(self, exc: Exception | None) -> None:
        self._is_reusable = False
        if self._done is None or self._done.done():
            return
        if exc is not None:
            self._settle(Fault("reset", f"the connection was reset ({exc})"))
        elif self._ends_at_eof:
            self._is_complete = True
            self._settle(self._fault)
        elif self._n_bytes:
            self._settle(Fault("half_closed", "the server closed before the answer was complete"))
        else:
            self._settle(Fault("reset", "the server closed without an answer"))

    def _settle(self, fault: Fault | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(Outcome(self._sent_s, self._now_s, self._n_bytes, fault))


class _Watch:
    """Looks at the limits when the next one may have passed; bytes cost it nothing."""

    def __init__(
        self, connection: Connection, loop: asyncio.AbstractEventLoop, limits: Limits
    ) -> None:
        self._connection = connection
        self._loop = loop
        self._limits = limits
        self._every_s = max(min(limits.first_byte_s, limits.stall_s, limits.total_s) / 8, 0.001)
        self._timer: asyncio.TimerHandle | None = None
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        fault = self._connection.waited_too_long(self._limits, perf_counter())
        if fault is not None:
            self._connection.give_up(fault)
        elif self._every_s != float("inf"):
            self._timer = self._loop.call_later(self._every_s, self._look)
