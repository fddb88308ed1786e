"""Quantizing over HTTP: begin, look, end."""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath

from velocity_local.core.library import Quantization
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest, read
from velocity_local.wire.http.library import QuantizationAsk

_TAGS = ["Models"]
_ask = msgspec.json.Decoder(QuantizationAsk)


@post(
    "/api/v1/quantizations",
    summary="Write a model in a smaller type",
    description="By llama.cpp's quantizer, in a process of its own. Answers at once.",
    tags=_TAGS,
    status_code=202,
    guards=[known_parameters],
    opt={"body": QuantizationAsk},
)
async def start_quantization(request: AnyRequest) -> Quantization:
    ask = await read(request, _ask)
    quantizations = services_of(request).quantizations
    return await quantizations.start(ask.model, ask.quantization, ask.id)


@get(
    "/api/v1/quantizations/{quantization_id:str}",
    summary="One quantization",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_quantization(request: AnyRequest, quantization_id: FromPath[str]) -> Quantization:
    return services_of(request).quantizations.get(quantization_id)


@delete(
    "/api/v1/quantizations/{quantization_id:str}",
    summary="End a quantization",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def cancel_quantization(request: AnyRequest, quantization_id: FromPath[str]) -> Quantization:
    return await services_of(request).quantizations.cancel(quantization_id)


ROUTES = [start_quantization, get_quantization, cancel_quantization]
