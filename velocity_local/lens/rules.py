"""What a gate holds figures to, one rule a line: a limit, or a change from the baseline.

ttft_ms:p99 <= 500        a service level objective: the figure itself
ttft_ms:p50 <= +5%        at most 5 % more than the baseline
ttft_ms:p50 <= +20        at most 20 ms more than the baseline
requests_per_s >= -5%     at most 5 % less than the baseline
"""

import math
import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from velocity_local.lens.quantities import BadQuantity, Quantity, parse

_RULE = re.compile(r"(?P<quantity>[^<>=]+?)\s*(?P<sign><=|>=)\s*(?P<bound>[^<>=]+)")
_BOUND = re.compile(r"(?P<direction>[+-]?)(?P<number>\d+(?:\.\d+)?)(?P<percent>\s*%)?")


class RuleKind(StrEnum):
    LIMIT = "limit"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"


class Rule(msgspec.Struct, frozen=True):
    """A quantity and its bound: a limit, or how much worse than the baseline it may be.

    `bound` of a change is not negative; that of a relative one is a share (0.05 for 5 %).
    """

    quantity: Quantity
    kind: RuleKind
    bound: float

    @property
    def text(self) -> str:
        """As it is written."""
        higher = self.quantity.higher_is_better
        sign = ">=" if higher else "<="
        if self.kind is RuleKind.LIMIT:
            return f"{self.quantity.name} {sign} {self.bound:g}"
        direction = "-" if higher else "+"
        if self.kind is RuleKind.ABSOLUTE:
            return f"{self.quantity.name} {sign} {direction}{self.bound:g}"
        return f"{self.quantity.name} {sign} {direction}{self.bound * 100:g}%"


class BadRule(ValueError):
    """A text that is no rule; the message shows it and says what is wrong."""


def parse_rule(text: str) -> Rule:
    """The rule that is written in `text`.

    Raises:
        BadRule: if it is none, or points the wrong way for its metric.
    """
    found = _RULE.fullmatch(text.strip())
    bound = _BOUND.fullmatch(found["bound"].strip()) if found else None
    if found is None or bound is None:
        raise BadRule(
            f"{text!r} is no rule; write one like 'ttft_ms:p50 <= +5%' or 'ttft_ms:p99 <= 500'"
        )
    try:
        quantity = parse(found["quantity"])
    except BadQuantity as error:
        raise BadRule(f"{text!r}: {error}") from error
    _check_direction(text, quantity, found["sign"], bound["direction"])
    number = float(bound["number"])
    if not math.isfinite(number):
        raise BadRule(f"{text!r}: the bound is too large")
    if bound["percent"]:
        if not bound["direction"]:
            raise BadRule(
                f"{text!r}: a share is of the baseline; write {_sign(quantity)}{bound[0]}"
            )
        return Rule(quantity, RuleKind.RELATIVE, number / 100)
    return Rule(quantity, RuleKind.ABSOLUTE if bound["direction"] else RuleKind.LIMIT, number)


def parse_rules(lines: Iterable[str]) -> tuple[Rule, ...]:
    """Rules from lines; empty ones and those that begin with # are passed over.

    Raises:
        BadRule: naming the line.
    """
    kept = (line.strip() for line in lines)
    return tuple(parse_rule(line) for line in kept if line and not line.startswith("#"))


def _check_direction(text: str, quantity: Quantity, sign: str, direction: str) -> None:
    higher = quantity.higher_is_better
    if (sign == ">=") != higher:
        better = "higher is better, write >=" if higher else "lower is better, write <="
        raise BadRule(f"{text!r}: for {quantity.metric.value} {better}")
    if direction and direction != _sign(quantity):
        raise BadRule(
            f"{text!r}: the change to bound is {_sign(quantity)}, as in {_sign(quantity)}5%"
        )


def _sign(quantity: Quantity) -> str:
    return "-" if quantity.higher_is_better else "+"


DEFAULT = parse_rules(
    (
        "ttft_ms:p50 <= +4%",
        "ttft_ms:p95 <= +10%",
        "itl_ms:p50 <= +4%",
        "e2e_ms:p50 <= +4%",
        "total_output_tokens_per_s >= -4%",
        "error_share <= +0.01",
        "wrong_share <= +0.01",
    )
)
"""What a gate holds to if it is told nothing: 4 % slower, shown to be more than chance, fails.

`benchmarks/gate_noise.py` counts how often that cries wolf, and how often it sees a slowdown.
"""
