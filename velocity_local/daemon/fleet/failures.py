"""What callers are told when a model cannot serve them, and how long that is held against it."""

from dataclasses import dataclass

import msgspec

from velocity_local.core.errors import (
    BY_CODE,
    DeadlineExceeded,
    ErrorInfo,
    InternalError,
    ModelFailed,
    ModelUnloaded,
    PoisonRequest,
    QueueTimeout,
)

# The cause of a failed load (a file, memory) may go away; asking again each time would not help.
FAILED_LOAD_HOLD_S = 10.0


@dataclass(frozen=True, slots=True)
class Failure:
    error: ErrorInfo
    until_s: float

    def holds(self, now_s: float) -> bool:
        return now_s < self.until_s

    def told(self, now_s: float) -> ErrorInfo:
        """The error with the time after which asking again makes sense."""
        return msgspec.structs.replace(self.error, retry_after_s=max(self.until_s - now_s, 1.0))


def load_failed(model: str, error: ErrorInfo, now_s: float) -> Failure:
    """The worker's own reason under its own code, if that is one callers know."""
    known = BY_CODE.get(error.code, InternalError)
    code = ModelFailed.code if known is InternalError else error.code
    message = f"model {model!r} cannot be loaded: {error.message}"
    told = msgspec.structs.replace(error, code=code, message=message)
    return Failure(told, now_s + FAILED_LOAD_HOLD_S)


def gave_up(model: str, reason: str, now_s: float, retry_after_s: float) -> Failure:
    error = ModelFailed(f"model {model!r} does not stay up: {reason}").info()
    return Failure(error, now_s + retry_after_s)


def too_slow_to_load(limit_s: float) -> ErrorInfo:
    return ModelFailed(f"it was not loaded within {limit_s:g} s").info()


def unloaded(model: str) -> ErrorInfo:
    return ModelUnloaded(f"model {model!r} was unloaded meanwhile; ask again to load it").info()


def replaced(model: str) -> ErrorInfo:
    return ModelUnloaded(
        f"the file of model {model!r} was replaced while it was loaded; ask again to load the new"
    ).info()


def waited_too_long(model: str, waited_s: float) -> ErrorInfo:
    text = f"waited {waited_s:.1f} s for model {model!r}; allow more time"
    return DeadlineExceeded(text).info()


def not_begun(model: str, waited_s: float) -> ErrorInfo:
    text = f"model {model!r} did not begin with it within {waited_s:.1f} s; allow a longer wait"
    return QueueTimeout(text).info()


def poisonous(reason: str) -> ErrorInfo:
    return PoisonRequest(
        f"this prompt has ended the model's process twice ({reason}); change it, or report it"
    ).info()
