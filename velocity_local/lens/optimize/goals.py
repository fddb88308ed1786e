"""What to be good at: figures with weights, as one number that is smaller when better."""

import math
import re
from collections.abc import Iterable

import msgspec

from velocity_local.lens.changes import estimate
from velocity_local.lens.quantities import BadQuantity, Quantity, parse
from velocity_local.lens.results import RunResult

_PART = re.compile(r"(?P<quantity>[^*]+?)(?:\s*\*\s*(?P<weight>\d+(?:\.\d+)?))?")


class Goal(msgspec.Struct, frozen=True):
    """Quantities and how much each counts; weights are above zero."""

    parts: tuple[tuple[Quantity, float], ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(quantity for quantity, _ in self.parts)


class BadGoal(ValueError):
    """A text that is no goal; the message says why."""


def parse_goal(parts: Iterable[str]) -> Goal:
    """The goal written as `ttft_ms:p50`, or several of them, with weights as in `ttft_ms:p95*2`.

    Raises:
        BadGoal: if it is none.
    """
    found: list[tuple[Quantity, float]] = []
    for part in parts:
        matched = _PART.fullmatch(part.strip())
        weight = float(matched["weight"] or 1) if matched else 0.0
        if matched is None or weight <= 0 or not math.isfinite(weight):
            raise BadGoal(f"{part!r} is no goal; write one like ttft_ms:p50 or itl_ms:p95*2")
        try:
            found.append((parse(matched["quantity"]), weight))
        except BadQuantity as error:
            raise BadGoal(f"{part!r}: {error}") from error
    if not found:
        raise BadGoal("no goal was given")
    return Goal(tuple(found))


def score(goal: Goal, run: RunResult, reference: RunResult) -> float | None:
    """The run's figures over the reference's: the logarithm of their weighted geometric mean.

    0 is as good as the reference, below it better: -0.1 is about 10 % better. None if a figure was
    not measured, or is zero.
    """
    total = 0.0
    for quantity, weight in goal.parts:
        found, known = estimate([run], quantity), estimate([reference], quantity)
        if found is None or known is None or found.value <= 0 or known.value <= 0:
            return None
        ratio = math.log(found.value / known.value)
        total += weight * (-ratio if quantity.higher_is_better else ratio)
    return total / sum(weight for _, weight in goal.parts)
