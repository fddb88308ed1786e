"""The KV cache over HTTP: what is kept of earlier prompts."""

from pathlib import Path

from litestar import delete, get

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
    return await _kept(request, forget=False)


@delete(
    "/api/v1/cache/kv",
    summary="Forget earlier prompts",
    description="On the device, in memory and on disk, of all models; what runs goes on.",
    tags=["Cache"],
    status_code=200,
    guards=[known_parameters],
)
async def clear_kv(request: AnyRequest) -> KvList:
    for file in _files(request):
        file.unlink(missing_ok=True)
    return await _kept(request, forget=True)


async def _kept(request: AnyRequest, *, forget: bool) -> KvList:
    services, ids = services_of(request), context_of(request).ids
    loaded = [status.id for status in services.fleet.status() if status.state == "ready"]
    items = [
        KvItem.of(model, await services.fleet.kv(KvRequest(ids.new("kv-"), model, forget=forget)))
        for model in loaded
    ]
    return KvList(
        tuple(items),
        disk_bytes=sum(file.stat().st_size for file in _files(request)),
        disk_limit_bytes=services.config.settings.engine.kv_disk_bytes,
    )


def _files(request: AnyRequest) -> list[Path]:
    return list(services_of(request).config.paths.kv_dir.glob("*/*.kv"))


ROUTES = [list_kv, clear_kv]
