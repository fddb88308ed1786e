"""Adapters over HTTP: what there is, add, remove."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.core.adapters import SEPARATOR, Adapter
from velocity_local.daemon.catalog.adapters.registry import Record
from velocity_local.daemon.catalog.adapters.shelf import Shelved
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.adapters import AdapterAsk, AdapterItem, AdapterList

_TAGS = ["Adapters"]
_ask = msgspec.json.Decoder(AdapterAsk)


@get("/api/v1/adapters", summary="All adapters", tags=_TAGS, guards=[known_parameters])
async def list_adapters(request: AnyRequest) -> AdapterList:
    shelved = await services_of(request).adapters.shelved()
    return AdapterList(tuple(_shelved_item(one) for one in shelved))


@post(
    "/api/v1/adapters",
    summary="Add an adapter to a model",
    description="From then on it is asked for as `model:name`, also if the model is loaded.",
    tags=_TAGS,
    status_code=201,
    guards=[known_parameters],
    opt={"body": AdapterAsk},
)
async def add_adapter(request: AnyRequest) -> AdapterItem:
    ask = await read(request, _ask)
    return _item(await services_of(request).adapters.add(ask.model, ask.name, ask.path, ask.scale))


@delete(
    "/api/v1/adapters/{adapter:path}",
    summary="Remove an adapter",
    description="Requests under way end with it; its file stays.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def remove_adapter(request: AnyRequest, adapter: FromPath[str]) -> AdapterItem:
    return _shelved_item(await services_of(request).adapters.remove(adapter.removeprefix("/")))


ROUTES = [list_adapters, add_adapter, remove_adapter]


def _shelved_item(shelved: Shelved) -> AdapterItem:
    if shelved.adapter is not None:
        return _item(shelved.adapter)
    return _broken_item(shelved.record, shelved.problem)


def _item(adapter: Adapter) -> AdapterItem:
    return AdapterItem(
        id=adapter.id,
        model=adapter.model,
        name=adapter.name,
        path=adapter.path,
        scale=adapter.scale,
        fingerprint=adapter.fingerprint,
        size_bytes=adapter.size_bytes,
        rank=adapter.rank,
        tensors=adapter.tensors,
    )


def _broken_item(record: Record, problem: str | None) -> AdapterItem:
    identifier = f"{record.model}{SEPARATOR}{record.name}"
    return AdapterItem(
        identifier, record.model, record.name, record.path, record.scale, problem=problem
    )
