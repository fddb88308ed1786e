"""What the requests of a window of time amount to: counts, rates and percentiles."""

import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from velocity_local.core.history import Spread, Stats, Traffic

SPREAD_LIMIT = 50_000


class _Counts(NamedTuple):
    model: str
    status: str
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    resumes: int


class _Measured(NamedTuple):
    """Column order of `_MEASURED`; each may be None."""

    model: str
    ttft_ms: float | None
    itl_ms: float | None
    queue_ms: float | None
    prefill_ms: float | None
    total_ms: float | None
    tokens_per_s: float | None


_COUNTS = """
    SELECT model, status, COUNT(*), COALESCE(SUM(prompt_tokens), 0),
           COALESCE(SUM(cached_tokens), 0), COALESCE(SUM(completion_tokens), 0), SUM(resumes)
    FROM requests WHERE created_s >= ? AND created_s < ? GROUP BY model, status
"""
_MEASURED = """
    SELECT model, ttft_ms, itl_p50_ms, queue_ms, prefill_ms, total_ms, tokens_per_s
    FROM requests WHERE created_s >= ? AND created_s < ? AND status = 'ok'
    ORDER BY created_s DESC LIMIT ?
"""


def stats(
    connection: sqlite3.Connection, since_s: float, until_s: float, limit: int = SPREAD_LIMIT
) -> Stats:
    """Traffic from `since_s` up to `until_s`. Spreads are of requests that ended well."""
    window = (since_s, until_s)
    counts = [_Counts(*row) for row in connection.execute(_COUNTS, window)]
    measured = [_Measured(*row) for row in connection.execute(_MEASURED, (*window, limit))]
    seconds = until_s - since_s
    models = {
        name: _traffic(
            [each for each in counts if each.model == name],
            [each for each in measured if each.model == name],
            seconds,
        )
        for name in sorted({each.model for each in counts})
    }
    return Stats(since_s, until_s, limit, _traffic(counts, measured, seconds), models)


def spread(values: Iterable[float | None]) -> Spread | None:
    """How the values lie, None among them left out; None if there is none."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    return Spread(
        count=len(ordered),
        mean=math.fsum(ordered) / len(ordered),
        p50=percentile(ordered, 0.50),
        p90=percentile(ordered, 0.90),
        p95=percentile(ordered, 0.95),
        p99=percentile(ordered, 0.99),
        max=ordered[-1],
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Interpolated between the two nearest ranks, as numpy's default does."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _traffic(counts: list[_Counts], measured: list[_Measured], seconds: float) -> Traffic:
    by_status: Counter[str] = Counter()
    for each in counts:
        by_status[each.status] += each.requests
    requests = by_status.total()
    completion_tokens = sum(each.completion_tokens for each in counts)
    return Traffic(
        requests=requests,
        by_status=dict(by_status),
        prompt_tokens=sum(each.prompt_tokens for each in counts),
        cached_tokens=sum(each.cached_tokens for each in counts),
        completion_tokens=completion_tokens,
        resumes=sum(each.resumes for each in counts),
        requests_per_s=requests / seconds,
        completion_tokens_per_s=completion_tokens / seconds,
        **_spreads(measured),
    )


def _spreads(measured: list[_Measured]) -> dict[str, Any]:
    names = _Measured._fields[1:]
    return {name: spread(getattr(each, name) for each in measured) for name in names}
