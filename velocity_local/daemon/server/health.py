"""Is it alive, can a model answer, and what has it counted."""

import msgspec
from litestar import get
from litestar.response.base import ASGIResponse

from velocity_local.daemon.server.context import AnyRequest, context_of

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_RETRY_AFTER_S = "1"


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """`reason` says what is degraded, or why a model cannot answer yet."""

    status: str
    reason: str = ""


_ALIVE = msgspec.json.encode(Health("ok"))


@get("/health", summary="The server is up", tags=["Health"], opt={"answer": Health})
async def health(request: AnyRequest) -> ASGIResponse:
    fault = context_of(request).gateway.history_fault
    body = _ALIVE
    if fault is not None:
        reason = f"history is held in memory: {fault}"
        body = msgspec.json.encode(Health("degraded", reason))
    return ASGIResponse(body=body, media_type="application/json")


@get("/ready", summary="A model can answer now", tags=["Health"], opt={"answer": Health})
async def ready(request: AnyRequest) -> ASGIResponse:
    is_ready, reason = context_of(request).gateway.is_ready()
    if is_ready:
        return ASGIResponse(body=_ALIVE, media_type="application/json")
    return ASGIResponse(
        body=msgspec.json.encode(Health("not_ready", reason)),
        media_type="application/json",
        status_code=503,
        headers={"retry-after": _RETRY_AFTER_S},
    )


@get("/metrics", summary="Counters and histograms for Prometheus", tags=["Health"])
async def metrics(request: AnyRequest) -> ASGIResponse:
    return ASGIResponse(body=context_of(request).metrics.render(), media_type=PROMETHEUS)


ROUTES = [health, ready, metrics]
