"""What times of one kind amount to, for benchmarks that print JSON."""

import statistics
from collections.abc import Sequence


def spread(taken_ms: Sequence[float]) -> dict[str, float]:
    """Their number, median and maximum."""
    return {
        "n": len(taken_ms),
        "median_ms": round(statistics.median(taken_ms), 1),
        "max_ms": round(max(taken_ms), 1),
    }
