"""What measuring costs, and whether the client was the bottleneck.

The delay is an upper bound on the time from a byte's arrival to its time stamp: see `selector`.
"""

import math
from dataclasses import dataclass
from time import perf_counter, process_time

from velocity_local.lens.histogram import Histogram, Ranks
from velocity_local.lens.results import ClientOverhead
from velocity_local.lens.selector import MeteredSelector

MOST_DELAY_MS = 1.0
MOST_DELAY_SHARE = 0.05
MOST_CPU_SHARE = 0.9
_MS = 1000.0


class OverheadMeter:
    """Watches the loop of one run."""

    def __init__(self, selector: MeteredSelector) -> None:
        self._selector = selector
        self.begin()

    def begin(self) -> None:
        """Forget what was seen: the measured window begins."""
        self._delays = Histogram()
        self._begun_s = perf_counter()
        self._cpu_s = process_time()

    def stamp(self) -> float:
        """The time of the bytes that are being read."""
        self._delays.add(self._selector.delay_s * _MS)
        return self._selector.woke_s

    def overhead(self) -> ClientOverhead:
        """The cost since the window's beginning."""
        wall_s = perf_counter() - self._begun_s
        cpu_share = (process_time() - self._cpu_s) / wall_s if wall_s > 0 else 0.0
        if not self._delays.n:
            return ClientOverhead(delay_p50_ms=0.0, delay_p99_ms=0.0, cpu_share=cpu_share)
        ranks = Ranks(self._delays.data())
        return ClientOverhead(
            delay_p50_ms=ranks.percentile(50),
            delay_p99_ms=ranks.percentile(99),
            cpu_share=cpu_share,
        )


@dataclass(frozen=True, slots=True)
class Shortest:
    """The shortest times of a run that a delay would show in: of TTFT and ITL the smaller."""

    p50_ms: float = math.inf
    p99_ms: float = math.inf


def bottleneck(overhead: ClientOverhead, shortest: Shortest) -> str | None:
    """Why the client was the bottleneck; None if it was not.

    It was if its core was full, or if the delay is above 1 ms and above 5 % of what was measured,
    comparing medians with medians and 99th percentiles with theirs.
    """
    if overhead.cpu_share > MOST_CPU_SHARE:
        return (
            f"the client took {overhead.cpu_share:.0%} of a core: it was the bottleneck;"
            " use fewer streams, or several clients"
        )
    for name, delay_ms, measured_ms in (
        ("median", overhead.delay_p50_ms, shortest.p50_ms),
        ("99th percentile", overhead.delay_p99_ms, shortest.p99_ms),
    ):
        allowed_ms = max(MOST_DELAY_MS, MOST_DELAY_SHARE * measured_ms)
        if delay_ms > allowed_ms:
            return (
                f"bytes waited {delay_ms:.2f} ms for the client ({name}), more than"
                f" {allowed_ms:.2f} ms: it was the bottleneck, or the machine was busy"
            )
    return None
