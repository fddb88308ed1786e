"""Sockets that accept connections for one ASGI application, until told to stop.

uvicorn's own `Server` takes the process's signals and raises them again when it ends; who runs
this listener decides about signals instead.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial

from uvicorn.config import Config

from velocity_local.config.settings import LimitSettings, ServerSettings
from velocity_local.daemon.server.connection_state import ConnectionState
from velocity_local.daemon.server.protocol import (
    MAX_MESSAGE_BYTES,
    Connection,
)

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 30
BACKLOG = 2048
FLUSH_S = 1.0
_DATE_PERIOD_S = 1.0
_LOOPBACK_V4 = frozenset({"127.0.0.1", "localhost"})


class Listener:
    """Binds on `start`, serves until `stop`; loopback means IPv4 and, where there is one, IPv6."""

    def __init__(
        self, app: Callable[..., object], server: ServerSettings, limits: LimitSettings
    ) -> None:
        self._settings = server
        self._config = Config(
            app,
            http=Connection,
            ws="none",
            ws_max_size=MAX_MESSAGE_BYTES,
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._limits = limits
        self._state: ConnectionState | None = None
        self._servers: list[asyncio.Server] = []
        self._date_timer: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Accept connections from now on; returns the port.

        Raises:
            OSError: if the address cannot be bound, as when the port is taken.
        """
        self._config.load()
        self._state = ConnectionState()
        accept = partial(Connection, self._config, self._state, limits=self._limits)
        host = "127.0.0.1" if self._settings.host in _LOOPBACK_V4 else self._settings.host
        server = await self._bind(accept, host, self._settings.port)
        self._servers.append(server)
        self._refresh_date()
        port = int(server.sockets[0].getsockname()[1])
        if host == "127.0.0.1":
            await self._bind_loopback_v6(accept, port)
        return port

    async def stop(self, *, drain_s: float) -> None:
        """Accept no more, let answers end for up to `drain_s`, then cancel what is left."""
        for server in self._servers:
            server.close()
        if self._date_timer is not None:
            self._date_timer.cancel()
        if self._state is None:
            return
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._end_tasks(self._state, drain_s)
        await self._end_connections(self._state)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return 0 if self._state is None else len(self._state.connections)

    async def _bind(self, accept: Callable[[], Connection], host: str, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(accept, host=host, port=port, backlog=BACKLOG)

    async def _bind_loopback_v6(self, accept: Callable[[], Connection], port: int) -> None:
        """Serve `localhost` where it means ::1 first; a machine without IPv6 has no need of it."""
        try:
            self._servers.append(await self._bind(accept, "::1", port))
        except OSError as error:
            logger.info("not listening on [::1]:%d: %s", port, error)

    async def _end_tasks(self, state: ConnectionState, drain_s: float) -> None:
        if not state.tasks:
            return
        _, late = await asyncio.wait(set(state.tasks), timeout=drain_s)
        for task in late:
            task.cancel()
        if late:
            logger.warning("%d answers did not end within %g s", len(late), drain_s)
            await asyncio.wait(late, timeout=FLUSH_S)

    async def _end_connections(self, state: ConnectionState) -> None:
        for connection in list(state.connections):
            connection.transport.close()
        try:
            async with asyncio.timeout(FLUSH_S):
                await state.is_empty.wait()
        except TimeoutError:
            for connection in list(state.connections):
                connection.transport.abort()

    def _refresh_date(self) -> None:
        assert self._state is not None
        now = formatdate(time.time(), usegmt=True).encode()
        self._state.default_headers = [(b"date", now)]
        loop = asyncio.get_running_loop()
        self._date_timer = loop.call_later(_DATE_PERIOD_S, self._refresh_date)
