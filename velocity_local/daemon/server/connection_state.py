"""What all connections of one listener share."""

import asyncio

from uvicorn.server import ServerState


class ConnectionState(ServerState):
    """`is_empty` is set when the last connection has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.is_empty = asyncio.Event()
        self.is_empty.set()
