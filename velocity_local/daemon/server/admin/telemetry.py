"""The machine over HTTP: one snapshot, or one after the other."""

import asyncio
import contextlib
from typing import Annotated, Any

import msgspec
from litestar import WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import QueryParameter

from velocity_local.daemon.server.admin.ports import STATE_KEY, Services, services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.daemon.telemetry.monitor import Monitor
from velocity_local.wire.http.telemetry import TelemetryAnswer

Socket = WebSocket[Any, Any, Any]


@get(
    "/api/v1/telemetry",
    summary="Processor, memory, disk, graphics, power now",
    description="What this system does not tell is null, and `reasons` says why. Rates and shares "
    "are since the last look; somebody looks at least every five seconds.",
    tags=["Daemon"],
    guards=[known_parameters],
)
async def get_telemetry(request: AnyRequest) -> TelemetryAnswer:
    return await services_of(request).monitor.snapshot()


@websocket("/api/v1/telemetry/live", guards=[known_parameters])
async def live_telemetry(
    socket: Socket,
    period_s: Annotated[
        float, QueryParameter(ge=0.2, le=60, description="Seconds between two snapshots")
    ] = 1.0,
) -> None:
    """Snapshots as JSON texts until the client leaves; what it says is not heard."""
    services = socket.app.state[STATE_KEY]
    assert isinstance(services, Services)
    await socket.accept()
    limit_s = services.config.settings.limits.write_timeout_s
    push = asyncio.create_task(_push(socket, services.monitor, period_s, limit_s))
    leave = asyncio.create_task(_until_gone(socket))
    await asyncio.wait({push, leave}, return_when=asyncio.FIRST_COMPLETED)
    for task in (push, leave):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _push(socket: Socket, monitor: Monitor, period_s: float, limit_s: float) -> None:
    """Ends when a client takes nothing for `limit_s`, or is gone."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, OSError):
        async with contextlib.aclosing(monitor.watch(period_s)) as snapshots:
            async for snapshot in snapshots:
                text = msgspec.json.encode(snapshot).decode()
                await asyncio.wait_for(socket.send_text(text), limit_s)


async def _until_gone(socket: Socket) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data(mode="text")


ROUTES = [get_telemetry, live_telemetry]
