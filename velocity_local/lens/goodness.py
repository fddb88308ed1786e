"""Which requests kept what was promised."""

from velocity_local.lens.results import Metric, RequestRecord, RunResult
from velocity_local.lens.samples import values_of
from velocity_local.lens.scenarios import Slo


def is_good(record: RequestRecord, slo: Slo) -> bool:
    """Whether a request was answered rightly and within every bound. What was not measured (the
    time per token of an answer of one token) keeps its bound.
    """
    bounds = (
        (Metric.TTFT_MS, slo.ttft_ms),
        (Metric.TPOT_MS, slo.tpot_ms),
        (Metric.E2E_MS, slo.e2e_ms),
    )
    return record.is_ok and all(
        most is None or all(value <= most for value in values_of(record, metric))
        for metric, most in bounds
    )


def good_share(result: RunResult, slo: Slo) -> float:
    """The share of good requests among all that were kept; 0 if none was."""
    if not result.records:
        return 0.0
    return sum(is_good(record, slo) for record in result.records) / len(result.records)


def goodput_per_s(result: RunResult, slo: Slo) -> float:
    """Good requests a second."""
    good = sum(is_good(record, slo) for record in result.records)
    return good / result.duration_s if result.duration_s > 0 else 0.0
