"""What a run measured, as one names and reads it."""

from velocity_local.core.units import milliseconds
from velocity_tui.bench import Figure

TITLES = {
    "ttft_ms:p50": "first token p50",
    "ttft_ms:p95": "first token p95",
    "ttft_ms:p99": "first token p99",
    "itl_ms:p50": "between tokens p50",
    "itl_ms:p99": "between tokens p99",
    "tpot_ms:p50": "per token p50",
    "e2e_ms:p50": "whole answer p50",
    "e2e_ms:p99": "whole answer p99",
    "queue_ms:p50": "queue p50",
    "prefill_ms:p50": "prefill p50",
    "total_output_tokens_per_s:mean": "tokens/s",
    "output_tokens_per_s:p50": "tokens/s of one p50",
    "requests_per_s:mean": "requests/s",
    "error_share:mean": "failed",
}
"""Those that are shown, in their order."""
_SHARE = "_share:"


def read(name: str, value: float) -> str:
    """The value of that figure with its unit."""
    if "_ms:" in name:
        return milliseconds(value)
    if _SHARE in name:
        return f"{value:.1%}"
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def within(name: str, figure: Figure) -> str:
    """Its interval; empty if it has none."""
    if figure.low is None or figure.high is None:
        return ""
    return f"{read(name, figure.low)} to {read(name, figure.high)}"
