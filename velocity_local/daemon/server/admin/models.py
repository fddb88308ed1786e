"""The models over HTTP: what there is, what is loaded, load and unload."""

from litestar import get, post
from litestar.params import FromPath

from velocity_local.core.errors import NotFound
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.wire.http.admin import ModelItem, ModelList

_TAGS = ["Models"]


@get("/api/v1/models", summary="All models", tags=_TAGS, guards=[known_parameters])
async def list_models(request: AnyRequest) -> ModelList:
    return ModelList(tuple(await services_of(request).admin.models()))


@get("/api/v1/models/{model:path}", summary="One model", tags=_TAGS, guards=[known_parameters])
async def get_model(request: AnyRequest, model: FromPath[str]) -> ModelItem:
    return await services_of(request).admin.model(model.removeprefix("/"))


@post(
    "/api/v1/models/{model:path}",
    summary="Load or unload a model",
    description="The model's id, which may hold slashes, and then `/load` or `/unload`.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def change_model(request: AnyRequest, model: FromPath[str]) -> ModelItem:
    name, _, verb = model.removeprefix("/").rpartition("/")
    admin = services_of(request).admin
    if name and verb == "load":
        return await admin.load(name)
    if name and verb == "unload":
        return await admin.unload(name)
    raise NotFound(f"{model} ends in neither /load nor /unload")


ROUTES = [list_models, get_model, change_model]
