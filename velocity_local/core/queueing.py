"""On which terms a request waits for its turn."""

from typing import Literal, get_args

import msgspec

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
