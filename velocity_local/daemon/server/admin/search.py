"""Search over HTTP: the shipped list and the hub, with a verdict for this machine on each model."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import FromQuery, QueryParameter
from msgspec.structs import replace

from velocity_local.core.fit import FitAsk
from velocity_local.core.search import Found, FoundVariant, Use
from velocity_local.daemon.catalog.search import MAX_ANSWERS
from velocity_local.daemon.server.admin.ports import Fitting, services_of
from velocity_local.daemon.server.admin.query import known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.wire.http.search import SearchAnswer

_TEXT_CHARS = 200


@get(
    "/api/v1/search",
    summary="Models that could be fetched",
    description="From the shipped list and from the hub; what each would take of this machine is "
    "judged by the size of its files before anything is fetched.",
    tags=["Downloads"],
    guards=[known_parameters],
)
async def search(
    request: AnyRequest,
    *,
    text: Annotated[
        str, QueryParameter(max_length=_TEXT_CHARS, description="Words to look for")
    ] = "",
    use: FromQuery[Use | None] = None,
    format: FromQuery[Literal["gguf", "mlx"]] = "gguf",  # noqa: A002 - the name in the address
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_ANSWERS)] = 10,
    offline: Annotated[bool, QueryParameter(description="The shipped list alone")] = False,
) -> SearchAnswer:
    services = services_of(request)
    result = await services.downloads.search.find(
        text, use=use, format_=format, limit=limit, is_offline=offline
    )
    items = [await _judged(found, services.fitting) for found in result.items]
    return SearchAnswer(tuple(items), result.dated, result.hub_error)


async def _judged(found: Found, fitting: Fitting) -> Found:
    judged = [await _fitted(variant, found.parameters, fitting) for variant in found.variants]
    return replace(found, variants=tuple(judged))


async def _fitted(variant: FoundVariant, parameters: int, fitting: Fitting) -> FoundVariant:
    fit = await fitting.fit_size(variant.size_bytes, parameters, FitAsk())
    return replace(variant, verdict=fit.verdict, reason=fit.reason)


ROUTES = [search]
