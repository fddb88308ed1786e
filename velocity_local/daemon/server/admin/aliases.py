"""Aliases over HTTP: names of one's own for models, and the way back."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.core.aliases import Alias, AliasConfig
from velocity_local.core.errors import Conflict
from velocity_local.core.sampling import SamplingParams
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
    description="With a way of its own to load, and with what requests get where they say nothing. "
    "What it was is kept as the standby. A model's own id always means it. An alias with its own "
    "way to load has a process of its own, which ends here once its requests are done.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
    opt={"body": AliasAsk},
)
async def set_alias(request: AnyRequest) -> Alias:
    ask = await read(request, _ask)
    services = services_of(request)
    entry = await services.adapters.resolve(ask.model)
    if any(other.id == ask.name for other in await services.adapters.entries()):
        raise Conflict(f"there is a model {ask.name!r}; an alias needs a name of its own")
    ask.sampling.over(SamplingParams())  # refuses what is out of range
    adapter = None if entry.adapter is None else entry.adapter.name
    config = AliasConfig(ask.load, ask.sampling, adapter)
    alias = services.library.aliases.set(ask.name, entry.id, config)
    await services.fleet.unload(ask.name)
    return alias


@post(
    "/api/v1/aliases/{name:str}/rollback",
    summary="Let a name stand for what it stood for before",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def roll_back_alias(request: AnyRequest, name: FromPath[str]) -> Alias:
    services = services_of(request)
    alias = services.library.aliases.roll_back(name)
    await services.fleet.unload(name)
    return alias


@delete(
    "/api/v1/aliases/{name:str}",
    summary="Remove an alias",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def remove_alias(request: AnyRequest, name: FromPath[str]) -> Alias:
    services = services_of(request)
    alias = services.library.aliases.remove(name)
    await services.fleet.unload(name)
    return alias


ROUTES = [list_aliases, set_alias, roll_back_alias, remove_alias]
