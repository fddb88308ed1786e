"""Every error a caller can see, with its HTTP status and stable code.

    VelocityError
    ├── RequestError 400          what was asked cannot be done as asked
    │   ├── InvalidRequest        malformed or out of range
    │   ├── UnsupportedField      documented by the dialect, refused by name here
    │   │   └── UnknownField      no such field in the dialect
    │   ├── ContextOverflow       prompt does not fit the context
    │   ├── TemplateError         the model's chat template failed
    │   ├── InvalidFormat         a schema, regex or grammar that cannot be enforced
    │   ├── InvalidModel          the model's file is damaged or hostile
    │   ├── InvalidAdapter        damaged, or made for another model
    │   ├── Unauthorized 401      no key, or a wrong one
    │   ├── Forbidden 403         known, but not allowed (Origin, scope)
    │   ├── NotFound 404          no such route, row or object
    │   │   └── ModelNotFound     no such model; near names are told
    │   ├── MethodNotAllowed 405
    │   ├── Timeout 408           the request was not received in time
    │   ├── Conflict 409          the state forbids it now
    │   ├── TooLarge 413          body or field over a limit
    │   ├── UriTooLong 414        request target over a limit
    │   ├── UnsupportedMedia 415  not application/json
    │   ├── PoisonRequest 422     this prompt has killed two workers
    │   └── HeadersTooLarge 431   too many headers, or too long
    ├── CapacityError 503         try again later; Retry-After is told
    │   ├── QueueFull 429         too much waits already
    │   ├── QueueTimeout          it was not begun within the time it may wait
    │   └── DeadlineExceeded 504  it waited or ran longer than allowed
    ├── ModelError 503            the model cannot serve
    │   ├── ModelFailed           does not start; the reason is told
    │   ├── ModelUnloaded         was unloaded while the request ran
    │   └── OutOfMemory 507       does not fit this machine
    ├── HubError 502              the model hub refuses, or sends what it must not
    ├── DiskFull 507              there is no room for what is to be kept
    ├── WorkerCrashed 503         its process died and resuming did not work
    └── InternalError 500         a fault of ours

Errors cross the process wall as `ErrorInfo`.
"""

from typing import ClassVar

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as a value: what crosses the process wall and what history keeps."""

    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None
    details: dict[str, int | float | str] = {}


class VelocityError(Exception):
    """Base of all errors shown to callers; `message` says what, which and what to do next."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        details: dict[str, int | float | str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.details = details or {}

    def info(self) -> ErrorInfo:
        return ErrorInfo(self.code, self.message, self.param, self.retry_after_s, self.details)


class RequestError(VelocityError):
    code = "invalid_request"
    status = 400


class InvalidRequest(RequestError):
    code = "invalid_value"


class UnsupportedField(RequestError):
    code = "unsupported_parameter"


class UnknownField(UnsupportedField):
    code = "unknown_parameter"


class ContextOverflow(RequestError):
    code = "context_length_exceeded"


class TemplateError(RequestError):
    code = "template_error"


class InvalidFormat(RequestError):
    code = "invalid_format"


class InvalidModel(RequestError):
    code = "invalid_model"


class InvalidAdapter(RequestError):
    code = "invalid_adapter"


class Unauthorized(RequestError):
    code = "invalid_api_key"
    status = 401


class Forbidden(RequestError):
    code = "forbidden"
    status = 403


class NotFound(RequestError):
    code = "not_found"
    status = 404


class ModelNotFound(NotFound):
    code = "model_not_found"


class MethodNotAllowed(RequestError):
    code = "method_not_allowed"
    status = 405


class Timeout(RequestError):
    code = "request_timeout"
    status = 408


class Conflict(RequestError):
    code = "conflict"
    status = 409


class TooLarge(RequestError):
    code = "request_too_large"
    status = 413


class UriTooLong(RequestError):
    code = "uri_too_long"
    status = 414


class HeadersTooLarge(RequestError):
    code = "headers_too_large"
    status = 431


class UnsupportedMedia(RequestError):
    code = "unsupported_media_type"
    status = 415


class PoisonRequest(RequestError):
    code = "poison_request"
    status = 422


class CapacityError(VelocityError):
    code = "overloaded"
    status = 503


class QueueFull(CapacityError):
    code = "queue_full"
    status = 429


class QueueTimeout(CapacityError):
    code = "queue_timeout"


class DeadlineExceeded(CapacityError):
    code = "deadline_exceeded"
    status = 504


class ModelError(VelocityError):
    code = "model_error"
    status = 503


class ModelFailed(ModelError):
    code = "model_failed"


class ModelUnloaded(ModelError):
    code = "model_unloaded"


class OutOfMemory(ModelError):
    code = "out_of_memory"
    status = 507


class HubError(VelocityError):
    code = "hub_error"
    status = 502


class DiskFull(VelocityError):
    code = "disk_full"
    status = 507


class WorkerCrashed(VelocityError):
    code = "worker_crashed"
    status = 503


class InternalError(VelocityError):
    code = "internal_error"
    status = 500


_CLASSES: tuple[type[VelocityError], ...] = (
    RequestError,
    InvalidRequest,
    UnsupportedField,
    UnknownField,
    ContextOverflow,
    TemplateError,
    InvalidFormat,
    InvalidModel,
    InvalidAdapter,
    Unauthorized,
    Forbidden,
    NotFound,
    ModelNotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    UriTooLong,
    HeadersTooLarge,
    UnsupportedMedia,
    PoisonRequest,
    CapacityError,
    QueueFull,
    QueueTimeout,
    DeadlineExceeded,
    ModelError,
    ModelFailed,
    ModelUnloaded,
    OutOfMemory,
    HubError,
    DiskFull,
    WorkerCrashed,
    InternalError,
)
BY_CODE: dict[str, type[VelocityError]] = {cls.code: cls for cls in _CLASSES}


def from_info(info: ErrorInfo) -> VelocityError:
    """The exception an `ErrorInfo` stands for; an unknown code becomes `InternalError`."""
    cls = BY_CODE.get(info.code, InternalError)
    return cls(
        info.message, param=info.param, retry_after_s=info.retry_after_s, details=info.details
    )
