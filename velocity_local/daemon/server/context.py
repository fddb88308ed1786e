"""What handlers share: reached through the application's state, made by `create_app`."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from litestar import Request

from velocity_local.config.settings import LimitSettings
from velocity_local.core.clock import Clock
from velocity_local.core.errors import InvalidRequest
from velocity_local.core.ids import IdSource
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.gateway.measure import Origin
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.server.decode import decode

T = TypeVar("T")

AnyRequest = Request[Any, Any, Any]


class Metrics(Protocol):
    """Whoever counts."""

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        ...


class Context(msgspec.Struct, frozen=True):
    """The server's collaborators and settings."""

    gateway: Gateway
    metrics: Metrics
    limits: LimitSettings
    sampling_of: Callable[[str], SamplingParams]
    """What a request to a model of that name gets where it says nothing itself."""
    clock: Clock
    ids: IdSource


def context_of(request: AnyRequest) -> Context:
    context = request.app.state["context"]
    assert isinstance(context, Context)
    return context


def request_id_of(request: AnyRequest) -> str:
    return str(request.scope["state"]["request_id"])


async def read(request: AnyRequest, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as the decoder's type.

    Raises:
        InvalidRequest: naming the field or the place that is wrong.
    """
    body = await request.body()
    if not body:
        raise InvalidRequest("the body is empty; send a JSON object")
    return decode(body, decoder, max_depth=context_of(request).limits.json_depth)


def origin_of(request: AnyRequest, dialect: str, *, is_stream: bool) -> Origin:
    """Where the request came from; to be asked once its body is complete."""
    return Origin(
        dialect=dialect,
        endpoint=request.scope["path"],
        client=request.scope["state"]["client"],
        stream=is_stream,
        received_s=context_of(request).clock.monotonic_s(),
    )
