"""What can be compared: a metric with the statistic that is taken of it, as in `ttft_ms:p99`."""

import re

import msgspec

from velocity_local.lens.results import Metric
from velocity_local.lens.samples import Values

MEAN = "mean"
HIGHER_IS_BETTER = frozenset(
    {Metric.OUTPUT_TOKENS_PER_S, Metric.REQUESTS_PER_S, Metric.TOTAL_OUTPUT_TOKENS_PER_S}
)
ONLY_MEAN = frozenset(
    {
        Metric.REQUESTS_PER_S,
        Metric.TOTAL_OUTPUT_TOKENS_PER_S,
        Metric.ERROR_SHARE,
        Metric.WRONG_SHARE,
        Metric.JOULES_PER_TOKEN,
        Metric.COST_PER_1000_REQUESTS,
    }
)
"""Metrics of a run as a whole: they have no percentiles."""
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,3})?)")


class BadQuantity(ValueError):
    """A text that names no quantity; the message says why."""


class Quantity(msgspec.Struct, frozen=True):
    """A metric, and `percent` of its percentile; None stands for the mean."""

    metric: Metric
    percent: float | None = None

    @property
    def name(self) -> str:
        return f"{self.metric.value}:{self.statistic}"

    @property
    def statistic(self) -> str:
        return MEAN if self.percent is None else f"p{self.percent:g}"

    @property
    def higher_is_better(self) -> bool:
        return self.metric in HIGHER_IS_BETTER

    def of(self, values: Values) -> float:
        """Its value for those values, of which there is at least one."""
        return values.mean if self.percent is None else values.percentile(self.percent)


def parse(text: str) -> Quantity:
    """The quantity written as `metric:p50` or `metric:mean`; `metric` alone is the median or mean.

    Raises:
        BadQuantity: if there is no such metric or statistic.
    """
    name, _, statistic = text.strip().partition(":")
    try:
        metric = Metric(name.strip())
    except ValueError as error:
        known = ", ".join(metric.value for metric in Metric)
        raise BadQuantity(f"{name.strip()!r} is no metric; known are {known}") from error
    statistic = statistic.strip() or (MEAN if metric in ONLY_MEAN else "p50")
    if statistic == MEAN:
        return Quantity(metric)
    found = _PERCENTILE.fullmatch(statistic)
    if found is None:
        raise BadQuantity(f"{statistic!r} is no statistic; give mean, or p50, p99, p99.9 and so on")
    if metric in ONLY_MEAN:
        raise BadQuantity(f"{metric.value} is of a whole run: it has no percentiles")
    return Quantity(metric, float(found[1]))


def table(*names: str) -> tuple[Quantity, ...]:
    """Quantities from their names, which must be right."""
    return tuple(parse(name) for name in names)


SHOWN: tuple[Quantity, ...] = table(
    "ttft_ms:p50",
    "ttft_ms:p95",
    "ttft_ms:p99",
    "ttfo_ms:p50",
    "itl_ms:p50",
    "itl_ms:p99",
    "tpot_ms:p50",
    "e2e_ms:p50",
    "e2e_ms:p95",
    "e2e_ms:p99",
    "queue_ms:p50",
    "prefill_ms:p50",
    "decode_ms:p50",
    "output_tokens_per_s:p50",
    "requests_per_s",
    "total_output_tokens_per_s",
    "error_share",
    "wrong_share",
    "joules_per_token",
    "cost_per_1000_requests",
)
"""What reports and comparisons show, where it was measured."""
