"""The history over HTTP: list, filter, page, look at, forget, sum up."""

from typing import Annotated, Literal

import msgspec
from litestar import delete, get
from litestar.params import FromPath, FromQuery, QueryParameter

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.history import RequestRow, Status
from velocity_local.daemon.server.admin.ports import services_of
from velocity_local.daemon.server.admin.query import TIME_S, known_parameters
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.daemon.store.requests import MAX_PAGE, Filter, Sort
from velocity_local.wire.http.admin import Deleted, RequestList, StatsAnswer

_TAGS = ["History"]
_YEAR_S = 366 * 86_400
_TEXT_CHARS = 200

Text = Annotated[str | None, QueryParameter(max_length=_TEXT_CHARS)]
Moment = Annotated[float | None, QueryParameter(**TIME_S, description="Seconds since 1970")]


@get("/api/v1/requests", summary="List requests", tags=_TAGS, guards=[known_parameters])
async def list_requests(
    request: AnyRequest,
    *,
    model: Text = None,
    status: FromQuery[Status | None] = None,
    dialect: Text = None,
    since_s: Moment = None,
    until_s: Moment = None,
    text: Annotated[
        str | None,
        QueryParameter(max_length=_TEXT_CHARS, description="In id, model, error or client"),
    ] = None,
    sort: FromQuery[Sort] = "created",
    order: FromQuery[Literal["descending", "ascending"]] = "descending",
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE)] = 50,
    after: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
) -> RequestList:
    page = await services_of(request).history.page(
        Filter(model, status, dialect, since_s, until_s, text),
        sort=sort,
        is_ascending=order == "ascending",
        limit=limit,
        after=after,
    )
    return RequestList(page.rows, page.next)


@get(
    "/api/v1/requests/stats", summary="Rates and percentiles", tags=_TAGS, guards=[known_parameters]
)
async def request_stats(
    request: AnyRequest,
    window_s: Annotated[float, QueryParameter(ge=1, le=10 * _YEAR_S)] = 3600.0,
) -> StatsAnswer:
    stats = await services_of(request).history.stats(window_s)
    return StatsAnswer(**msgspec.structs.asdict(stats))


@get(
    "/api/v1/requests/{request_id:str}",
    summary="One request",
    tags=_TAGS,
    guards=[known_parameters],
)
async def get_request(request: AnyRequest, request_id: FromPath[str]) -> RequestRow:
    return await services_of(request).history.get(request_id)


@delete(
    "/api/v1/requests/{request_id:str}",
    summary="Forget one request",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def delete_request(request: AnyRequest, request_id: FromPath[str]) -> Deleted:
    await services_of(request).history.delete(request_id)
    return Deleted(1)


@delete(
    "/api/v1/requests",
    summary="Forget the requests before a time",
    tags=_TAGS,
    status_code=200,
    guards=[known_parameters],
)
async def delete_requests(request: AnyRequest, before_s: Moment = None) -> Deleted:
    if before_s is None:
        raise InvalidRequest("before_s is required: seconds since 1970", param="before_s")
    return Deleted(await services_of(request).history.delete_before(before_s))


ROUTES = [list_requests, request_stats, get_request, delete_request, delete_requests]
