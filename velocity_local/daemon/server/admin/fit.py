"""Memory over HTTP: whether a model fits, what was done to make room, who stays."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import FromQuery, QueryParameter
from msgspec.structs import replace

from velocity_local.core.models import LoadOptions
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.wire.http.fit import FitAnswer, NoticeList

_TAGS = ["Models"]
_MAX_CONTEXT = 2**31 - 1


@get(
    "/api/v1/fit",
    summary="Whether a model fits this machine",
    description="Memory of weights, KV cache and buffers by device, with how far it may be off. "
    "Nothing is loaded. What is not given is as the settings and the machine decide.",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_fit(
    request: AnyRequest,
    *,
    model: FromQuery[str],
    n_ctx: Annotated[
        int | None, QueryParameter(ge=1, le=_MAX_CONTEXT, description="KV cells")
    ] = None,
    n_seq_max: Annotated[
        int | None, QueryParameter(ge=1, le=256, description="Sequences at once")
    ] = None,
    kv_type: FromQuery[Literal["f16", "q8_0", "f32"] | None] = None,
    n_gpu_layers: Annotated[
        int | None, QueryParameter(ge=-1, le=10_000, description="-1 for all")
    ] = None,
) -> FitAnswer:
    def change(options: LoadOptions) -> LoadOptions:
        given = {
            "n_ctx": n_ctx,
            "n_seq_max": n_seq_max,
            "kv_type": kv_type,
            "n_gpu_layers": n_gpu_layers,
        }
        return replace(options, **{key: value for key, value in given.items() if value is not None})

    fit = await services_of(request).fitting.fit(model, change)
    fields = {name: getattr(fit, name) for name in fit.__struct_fields__}
    return FitAnswer(**fields, model=model)


@get(
    "/api/v1/events",
    summary="What was done with models unasked",
    description="Evictions with their reasons, contexts made smaller, loads refused.",
    tags=_TAGS,
    guards=[known_parameters],
)
async def list_events(
    request: AnyRequest,
    after: Annotated[int, QueryParameter(ge=0, description="The last number already seen")] = 0,
) -> NoticeList:
    return NoticeList(tuple(services_of(request).fleet.notices(after)))


ROUTES = [get_fit, list_events]
