"""The KV cache over HTTP: what is kept of earlier prompts."""

from litestar import get

from velocity_local.core.requests import KvRequest
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, context_of
from velocity_local.wire.http.kv import KvItem, KvList


@get(
    "/api/v1/cache/kv",
    summary="What is kept of earlier prompts",
    description="Of every model that is loaded: cells on the device, in memory and on disk.",
    tags=["Cache"],
    guards=[known_parameters],
)
async def list_kv(request: AnyRequest) -> KvList:
    services, ids = services_of(request), context_of(request).ids
    loaded = [status.id for status in services.fleet.status() if status.state == "ready"]
    items = [
        KvItem.of(model, await services.fleet.kv(KvRequest(ids.new("kv-"), model)))
        for model in loaded
    ]
    config = services.config
    files = config.paths.kv_dir.glob("*/*.kv")
    return KvList(
        tuple(items),
        disk_bytes=sum(file.stat().st_size for file in files),
        disk_limit_bytes=config.settings.engine.kv_disk_bytes,
    )


ROUTES = [list_kv]
