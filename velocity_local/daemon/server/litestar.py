"""The ASGI application: Litestar behind the guards."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import ClientException, HTTPException, MethodNotAllowedException
from litestar.exceptions import NotFoundException as NoRoute
from litestar.response import Response

from velocity_local.config.settings import Settings
from velocity_local.core.clock import Clock
from velocity_local.core.errors import (
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    VelocityError,
)
from velocity_local.core.ids import IdSource
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.server import docs, health
from velocity_local.daemon.server.access import MANAGEMENT_PREFIX, Credentials
from velocity_local.daemon.server.context import AnyRequest, Context, Metrics, request_id_of
from velocity_local.daemon.server.errors import (
    ClientGone,
    Headers,
    headers_of,
    openai_body,
    unexpected,
)
from velocity_local.daemon.server.guards import AsgiApp, Guards
from velocity_local.daemon.server.openai import routes as openai
from velocity_local.daemon.server.openai.models import ModelPages


def create_app(
    gateway: Gateway,
    metrics: Metrics,
    settings: Settings,
    *,
    credentials: Credentials,
    clock: Clock,
    ids: IdSource,
    extra_routes: Sequence[Any] = (),
    extra_state: Mapping[str, object] | None = None,
    sampling_of: Callable[[str], SamplingParams] | None = None,
) -> AsgiApp:
    """The whole HTTP side. `extra_routes` are handlers below /api/v1, which the install token
    guards; they find `extra_state` in `request.app.state`. `sampling_of` tells the defaults of a
    model; the settings', by default.
    """
    defaults = sampling_of or (lambda _: settings.sampling)
    context = Context(gateway, metrics, settings.limits, defaults, clock, ids)
    app = create_litestar(context, extra_routes=extra_routes, extra_state=extra_state)
    return Guards(
        app,  # type: ignore[arg-type]  # Litestar types ASGI's dicts more narrowly
        server=settings.server,
        limits=settings.limits,
        credentials=credentials,
        notices=partial(_notices, gateway),
    )


def _notices(gateway: Gateway) -> Headers:
    """What every answer says of the daemon while its history cannot be written."""
    return [] if gateway.history_fault is None else [(b"x-velocity-history", b"degraded")]


def create_litestar(
    context: Context,
    *,
    extra_routes: Sequence[Any] = (),
    extra_state: Mapping[str, object] | None = None,
) -> Litestar:
    """The application without its guards; only for `create_app` and for listing routes."""
    for handler in extra_routes:
        for path in handler.paths:
            assert path.startswith(MANAGEMENT_PREFIX + "/"), f"{path} would not be guarded"
    state = {**(extra_state or {}), "context": context, "model_pages": ModelPages()}
    return Litestar(
        route_handlers=[*openai.ROUTES, *health.ROUTES, *docs.ROUTES, *extra_routes],
        state=State(state),
        exception_handlers={
            VelocityError: _velocity_error,
            HTTPException: _http_error,
            ClientGone: _nobody_reads_this,
            Exception: _unexpected_error,
        },
        openapi_config=None,  # Litestar's own would render on the event loop, see `openapi`
        request_max_body_size=None,  # the guards have counted
        logging_config=None,
    )


def _answer(error: VelocityError, extra: Mapping[str, str] | None = None) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in headers_of(error)}
    return Response(
        openai_body(error),
        status_code=error.status,
        headers={**headers, **(extra or {})},
        media_type="application/json",
    )


def _velocity_error(_: AnyRequest, error: VelocityError) -> Response[bytes]:
    return _answer(error)


def _http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    if isinstance(error, NoRoute):
        path = request.scope["path"][:200]
        return _answer(NotFound(f"there is no {path} here; /docs lists what there is"))
    if isinstance(error, MethodNotAllowedException):
        allowed = (error.headers or {}).get("allow", "")
        problem = MethodNotAllowed(f"{request.method} is not for this path; use {allowed}")
        return _answer(problem, {"allow": allowed})
    if isinstance(error, ClientException):
        return _answer(_invalid(error))
    return _unexpected_error(request, error)


def _invalid(error: ClientException) -> InvalidRequest:
    """Litestar's validation of a path or query parameter, with the parameter's name."""
    problems = error.extra if isinstance(error.extra, list) else []
    for problem in problems:
        if isinstance(problem, dict) and "key" in problem:
            return InvalidRequest(f"{problem['key']}: {problem['message']}", param=problem["key"])
    return InvalidRequest(error.detail)


def _nobody_reads_this(_: AnyRequest, __: ClientGone) -> Response[bytes]:
    return _answer(InternalError("the client has gone"))


def _unexpected_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    return _answer(unexpected(error, request_id_of(request)))
