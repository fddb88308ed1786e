"""The models over HTTP: what there is, what is loaded, load and unload."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, QueryParameter

from velocity_local.core.errors import NotFound, UnsupportedField
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
    summary="Load or unload a model, pin it or let it go",
    description="The model's id, which may hold slashes, and then `/load`, `/unload`, `/pin` or "
    "`/unpin`. A pinned model is never unloaded for another. With `keep_alive_s`, `/load` also "
    "says how long it stays while nobody uses it; 0 is for ever.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def change_model(
    request: AnyRequest,
    model: FromPath[str],
    keep_alive_s: Annotated[
        float | None, QueryParameter(ge=0, le=1e9, description="Only with /load")
    ] = None,
) -> ModelItem:
    name, _, verb = model.removeprefix("/").rpartition("/")
    admin = services_of(request).admin
    if keep_alive_s is not None and verb != "load":
        raise UnsupportedField("keep_alive_s goes with /load only", param="keep_alive_s")
    if name and verb == "load":
        if keep_alive_s is not None:
            return await admin.keep_alive(name, keep_alive_s or None)
        return await admin.load(name)
    if name and verb == "unload":
        return await admin.unload(name)
    if name and verb in {"pin", "unpin"}:
        return await admin.pin(name, is_pinned=verb == "pin")
    raise NotFound(f"{model} does not end in /load, /unload, /pin or /unpin")


ROUTES = [list_models, get_model, change_model]
