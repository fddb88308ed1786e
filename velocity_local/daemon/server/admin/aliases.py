"""Aliases over HTTP: names of one's own for models, and the way back."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.core.aliases import Alias
from velocity_local.core.errors import Conflict
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.aliases import AliasAsk, AliasList

_TAGS = ["Models"]
_ask = msgspec.json.Decoder(AliasAsk)


@get("/api/v1/aliases", summary="All aliases", tags=_TAGS, guards=[known_parameters])
async def list_aliases(request: AnyRequest) -> AliasList:
    return AliasList(services_of(request).library.aliases.all())


@post(
    "/api/v1/aliases",
    summary="Let a name stand for a model",
    description="What it stood for is kept as the standby. A model's own id always means it.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
    opt={"body": AliasAsk},
)
async def set_alias(request: AnyRequest) -> Alias:
    ask = await read(request, _ask)
    services = services_of(request)
    model = await services.admin.model(ask.model)
    if any(other.id == ask.name for other in await services.admin.models()):
        raise Conflict(f"there is a model {ask.name!r}; an alias needs a name of its own")
    return services.library.aliases.set(ask.name, model.id)


@post(
    "/api/v1/aliases/{name:str}/rollback",
    summary="Let a name stand for what it stood for before",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def roll_back_alias(request: AnyRequest, name: FromPath[str]) -> Alias:
    return services_of(request).library.aliases.roll_back(name)


@delete(
    "/api/v1/aliases/{name:str}",
    summary="Remove an alias",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def remove_alias(request: AnyRequest, name: FromPath[str]) -> Alias:
    return services_of(request).library.aliases.remove(name)


ROUTES = [list_aliases, set_alias, roll_back_alias, remove_alias]
