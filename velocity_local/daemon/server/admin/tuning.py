"""Measurements over HTTP: begin, look, cancel; how a model is loaded; forget what was measured."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.tuning import OptionList, TuneAsk, TuningItem, TuningList

_TAGS = ["Tuning"]
_ask = msgspec.json.Decoder(TuneAsk)


@post(
    "/api/v1/tunings",
    summary="Measure how a model runs best here",
    description="Answers at once. The model is unloaded first; what is found is used from its next"
    " load on, unless the settings say otherwise.",
    tags=_TAGS,
    status_code=202,
    guards=[known_parameters],
    opt={"body": TuneAsk},
)
async def start_tuning(request: AnyRequest) -> TuningItem:
    return await services_of(request).tunings.start(await read(request, _ask))


@get("/api/v1/tunings", summary="Measurements, newest first", tags=_TAGS, guards=[known_parameters])
async def list_tunings(request: AnyRequest) -> TuningList:
    return TuningList(tuple(services_of(request).tunings.all()))


@get(
    "/api/v1/tunings/{tuning_id:str}",
    summary="One measurement",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_tuning(request: AnyRequest, tuning_id: FromPath[str]) -> TuningItem:
    return services_of(request).tunings.get(tuning_id)


@delete(
    "/api/v1/tunings/{tuning_id:str}",
    summary="Cancel a measurement",
    description="One that has ended stays as it is, and so does what it found.",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def cancel_tuning(request: AnyRequest, tuning_id: FromPath[str]) -> TuningItem:
    return await services_of(request).tunings.cancel(tuning_id)


@get(
    "/api/v1/options/{model:path}",
    summary="How a model is loaded, and where each value comes from",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_options(request: AnyRequest, model: FromPath[str]) -> OptionList:
    return await services_of(request).tunings.options(model.removeprefix("/"))


@delete(
    "/api/v1/options/{model:path}",
    summary="Forget what was measured of a model",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def forget_options(request: AnyRequest, model: FromPath[str]) -> OptionList:
    return await services_of(request).tunings.forget(model.removeprefix("/"))


ROUTES = [start_tuning, list_tunings, get_tuning, cancel_tuning, get_options, forget_options]
