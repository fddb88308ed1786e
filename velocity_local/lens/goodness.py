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


def good_share(result: RunResult) -> float:
    """The share of requests that kept the scenario's SLO; 0 without requests, or without an SLO."""
    return (result.n_good or 0) / result.n_requests if result.n_requests else 0.0


def goodput_per_s(result: RunResult) -> float:
    """Good requests a second."""
    return (result.n_good or 0) / result.duration_s if result.duration_s > 0 else 0.0
