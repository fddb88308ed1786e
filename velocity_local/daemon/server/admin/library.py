"""The models as files over HTTP: found elsewhere, imported, counted, removed."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, QueryParameter

from velocity_local.core.library import About, Check
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.admin import ModelItem
from velocity_local.wire.http.library import (
    CheckAsk,
    DiskAnswer,
    ImportAsk,
    LeftoverList,
    RemovedModel,
    SightingList,
)

_TAGS = ["Models"]
_PATH_CHARS = 4096
_ask = msgspec.json.Decoder(ImportAsk)
_check_ask = msgspec.json.Decoder(CheckAsk)


@get(
    "/api/v1/stores",
    summary="Models that other programs keep here",
    description="In the Hugging Face cache, in Ollama, in LM Studio, or below a folder.",
    tags=_TAGS,
    guards=[known_parameters],
)
async def list_stores(
    request: AnyRequest,
    folder: Annotated[
        str | None, QueryParameter(max_length=_PATH_CHARS, description="Look below it instead")
    ] = None,
) -> SightingList:
    return SightingList(tuple(await services_of(request).library.sightings(folder)))


@post(
    "/api/v1/imports",
    summary="Take a model over without copying it",
    description="A link into the models folder, or where that cannot be, a note of its path.",
    tags=_TAGS,
    status_code=201,
    guards=[known_parameters],
    opt={"body": ImportAsk},
)
async def import_model(request: AnyRequest) -> ModelItem:
    ask = await read(request, _ask)
    services = services_of(request)
    entry = await services.library.adopt(ask.path, ask.id)
    return await services.admin.model(entry.id)


@delete(
    "/api/v1/models/{model:path}",
    summary="Remove a model's files",
    description="One in memory has to be unloaded first. A file that is only referred to stays.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def remove_model(request: AnyRequest, model: FromPath[str]) -> RemovedModel:
    item = await services_of(request).library.remove(model.removeprefix("/"))
    return RemovedModel(**msgspec.structs.asdict(item))


@get("/api/v1/disk", summary="What models take", tags=_TAGS, guards=[known_parameters])
async def disk(request: AnyRequest) -> DiskAnswer:
    import shutil  # noqa: PLC0415 - brings compressors that the start need not wait for

    services = services_of(request)
    folder = services.config.paths.models_dir
    items = await services.library.disk()
    sizes = {name: item.size_bytes for item in items for name in item.files[:1]}
    return DiskAnswer(
        tuple(items), sum(sizes.values()), shutil.disk_usage(folder).free, str(folder)
    )


@get(
    "/api/v1/leftovers", summary="Files that no model needs", tags=_TAGS, guards=[known_parameters]
)
async def list_leftovers(request: AnyRequest) -> LeftoverList:
    return LeftoverList(tuple(await services_of(request).library.leftovers()))


@delete(
    "/api/v1/leftovers",
    summary="Remove files that no model needs",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def clean_leftovers(request: AnyRequest) -> LeftoverList:
    gone = await services_of(request).library.clean()
    return LeftoverList(tuple(gone), is_removed=True)


@get(
    "/api/v1/about/{model:path}",
    summary="What a model's files say of it",
    description="Its chat template, the values of its header, and where its files came from.",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_about(request: AnyRequest, model: FromPath[str]) -> About:
    return await services_of(request).library.about(model.removeprefix("/"))


@post(
    "/api/v1/checks",
    summary="Compare a model's files with what was promised of them",
    description="Answers at once; the check tells how far it is and what it found.",
    tags=_TAGS,
    status_code=202,
    guards=[known_parameters],
    opt={"body": CheckAsk},
)
async def start_check(request: AnyRequest) -> Check:
    ask = await read(request, _check_ask)
    return await services_of(request).library.verify(ask.model)


@get("/api/v1/checks/{check_id:str}", summary="One check", tags=_TAGS, guards=[known_parameters])
async def get_check(request: AnyRequest, check_id: FromPath[str]) -> Check:
    return services_of(request).library.checks.get(check_id)


@delete(
    "/api/v1/checks/{check_id:str}",
    summary="End a check",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def cancel_check(request: AnyRequest, check_id: FromPath[str]) -> Check:
    return services_of(request).library.checks.cancel(check_id)


ROUTES = [
    get_about,
    start_check,
    get_check,
    cancel_check,
    list_stores,
    import_model,
    remove_model,
    disk,
    list_leftovers,
    clean_leftovers,
]
