"""From `VelocityError` to bytes on the wire: status, headers and the dialect's envelope."""

import logging
import math

import msgspec

from velocity_local.core.errors import (
    CapacityError,
    Forbidden,
    InternalError,
    NotFound,
    QueueFull,
    RequestError,
    Unauthorized,
    VelocityError,
)
from velocity_local.wire.http.errors import ErrorDetail, ErrorEnvelope

logger = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

_DEFAULT_RETRY_AFTER_S = 1.0
_RETRYABLE = frozenset({429, 503})
_encoder = msgspec.json.Encoder()

# first match wins: subclasses before their bases
_TYPES: tuple[tuple[type[VelocityError], str], ...] = (
    (Unauthorized, "authentication_error"),
    (Forbidden, "permission_error"),
    (NotFound, "not_found_error"),
    (RequestError, "invalid_request_error"),
    (QueueFull, "rate_limit_error"),
    (CapacityError, "overloaded_error"),
    (VelocityError, "server_error"),
)


class ClientGone(Exception):
    """The client closed its connection before its request or our answer was complete."""


def openai_type(error: VelocityError) -> str:
    """OpenAI's `type` for an error of ours."""
    return next(name for cls, name in _TYPES if isinstance(error, cls))


def openai_body(error: VelocityError) -> bytes:
    """The JSON envelope."""
    detail = ErrorDetail(
        message=error.message,
        type=openai_type(error),
        param=error.param,
        code=error.code,
        details=error.details,
    )
    return _encoder.encode(ErrorEnvelope(detail))


def headers_of(error: VelocityError) -> Headers:
    """Headers an error answer needs beside its body's own."""
    headers: Headers = [(b"content-type", b"application/json")]
    if error.status in _RETRYABLE:
        wait_s = _DEFAULT_RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait_s))))
    if isinstance(error, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def unexpected(error: BaseException, request_id: str) -> VelocityError:
    """A fault of ours: logged with its traceback under the request's id, told without it."""
    logger.error("request %s failed unexpectedly", request_id, exc_info=error)
    return InternalError(f"internal error; the log has it under request id {request_id}")
