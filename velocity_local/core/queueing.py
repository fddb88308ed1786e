"""On which terms a request waits for its turn."""

from typing import Literal, get_args

import msgspec

from velocity_local.core.errors import QueueTimeout

Priority = Literal["interactive", "api", "batch"]
# Most urgent first.
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
DEFAULT_PRIORITY: Priority = "api"


class QueueTerms(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request's class, who it counts for, and its patience.

    Within a class those who wait share by `owner`, the name of an API key; the empty name stands
    for everybody without one. `timeout_s` bounds the time until the model begins with it.
    """

    priority: Priority = DEFAULT_PRIORITY
    owner: str = ""
    timeout_s: float | None = None

    @property
    def rank(self) -> int:
        """0 for the most urgent class."""
        return PRIORITIES.index(self.priority)


def not_begun(terms: QueueTerms) -> QueueTimeout:
    """What is told to a request that may wait no longer."""
    return QueueTimeout(
        f"not begun within {terms.timeout_s:g} s; allow a longer wait, or ask again later"
    )


class ModelQueue(msgspec.Struct, frozen=True):
    """Who waits for one model. `estimate_s` is about how long the next one to come would wait,
    None before anything was measured.
    """

    model: str
    requests: int
    tokens: int
    estimate_s: float | None


class QueueState(msgspec.Struct, frozen=True):
    """Everybody who waits until a model begins with them. Tokens are estimates.

    `classes` has the number of requests in each class, `models` the models that are waited for.
    """

    requests: int
    tokens: int
    most_requests: int
    most_tokens: int
    longest_wait_s: float
    classes: dict[Priority, int]
    models: tuple[ModelQueue, ...]
