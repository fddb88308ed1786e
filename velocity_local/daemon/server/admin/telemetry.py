"""The machine over HTTP: one snapshot, or one after the other."""

from litestar import get

from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.wire.http.telemetry import TelemetryAnswer


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


ROUTES = [get_telemetry]
