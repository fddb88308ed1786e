"""Connections to one server: resolved once, opened when needed, kept for reuse if so wished."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlsplit

from velocity_local.lens.exchange import Connection
from velocity_local.lens.faults import Fault

_KEPT_AT_LEAST_S = 1.0


class CannotConnect(Exception):
    """No connection came about; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection. `connect_ms` covers TCP and TLS, and is None for one that was open already."""

    connection: Connection
    connect_ms: float | None


class Door:
    """The way to one base URL. Used from one event loop."""

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float,
        reuse: bool = True,
        stamp: Callable[[], float] = perf_counter,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{base_url!r} is no http address")
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self.prefix = parts.path.rstrip("/")
        self.host_field = parts.netloc.rpartition("@")[2]
        self._timeout_s = connect_timeout_s
        self._reuse = reuse
        self._stamp = stamp
        self._idle: list[Connection] = []
        self._addresses: list[tuple[str, int]] = []
        self._tls = ssl.create_default_context() if self._secure else None

    async def open(self, *, is_fresh: bool = False) -> Opened:
        """An idle connection, or a new one; `is_fresh` wants a new one.

        Raises:
            CannotConnect: refused, unknown host, no valid certificate, or too slow.
        """
        while self._idle and not is_fresh:
            connection = self._idle.pop()
            if connection.is_reusable:
                return Opened(connection, None)
            connection.close()
        begun_s = perf_counter()
        connection = await self._connect()
        return Opened(connection, (perf_counter() - begun_s) * 1000)

    def give_back(self, connection: Connection) -> None:
        """Keep it for another exchange, or close it."""
        if self._reuse and connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.close()

    def was_closed_on(self, idle_s: float) -> None:
        """The server closed a kept connection that was idle for so long. One that does so at once
        keeps none, and is not tried again.
        """
        if idle_s < _KEPT_AT_LEAST_S:
            self._reuse = False
            self.close()

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.close()
        self._idle = []

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._first_that_answers()
        except TimeoutError as error:
            message = f"no connection to {self.host_field} within {self._timeout_s:g} s"
            raise CannotConnect(Fault("timeout_connect", message)) from error
        except ssl.SSLError as error:
            reason = error.reason or str(error)
            raise CannotConnect(Fault("tls", f"{self.host_field}: {reason}")) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotConnect(Fault("connect", f"{self.host_field}: {reason.lower()}")) from error

    async def _first_that_answers(self) -> Connection:
        loop = asyncio.get_running_loop()
        if not self._addresses:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self._addresses = [(str(entry[4][0]), int(entry[4][1])) for entry in found]
        refusal: OSError = OSError("it has no address")
        for host, port in self._addresses:
            try:
                return await self._connect_to(loop, host, port)
            except ssl.SSLError:
                raise
            except OSError as error:
                refusal = error
        raise refusal

    async def _connect_to(
        self, loop: asyncio.AbstractEventLoop, host: str, port: int
    ) -> Connection:
        server_hostname = self._host if self._tls is not None else None
        _, connection = await loop.create_connection(
            lambda: Connection(self._stamp),
            host,
            port,
            ssl=self._tls,
            server_hostname=server_hostname,
        )
        return connection
