"""WebSocket connections: uvicorn's protocol within the house of `protocol.Connection`, which hands
over a connection whose client asks for the upgrade.
"""

from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

from velocity_local.daemon.server.connection_state import ConnectionState


class LiveConnection(WSProtocol):
    """One client's connection from its upgrade on. The guards see its handshake first."""

    def __init__(
        self, config: Config, server_state: ConnectionState, app_state: dict[str, Any]
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._state = server_state

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.connections:
            self._state.is_empty.set()
