"""What a request asks of the model's reasoning."""

from typing import Literal

import msgspec

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
# A value for a template's variable.
Scalar = str | int | float | bool | None


class Reasoning(msgspec.Struct, frozen=True, omit_defaults=True):
    """None leaves it to the model. `budget_tokens` is the most that a reasoning block may have."""

    effort: Effort | None = None
    budget_tokens: int | None = None
