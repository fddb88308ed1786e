"""One run from the parts that several clients made of it.

Percentiles are those of all values together: histograms are added up, and no percentile is ever
averaged. The clients began at one signal, so their slices of time are the same.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from velocity_local.lens import histogram, slices
from velocity_local.lens.results import (
    ClientOverhead,
    Environment,
    Fact,
    HistogramData,
    ItlKind,
    Load,
    Metric,
    RunResult,
)


def merge(parts: Sequence[RunResult], load: Load) -> RunResult:
    """The run whose `load` the parts made together; they are in the order of their shares.

    Raises:
        ValueError: if there is no part.
    """
    if not parts:
        raise ValueError("a run has at least one part")
    return msgspec.structs.replace(
        parts[0],
        id=f"{int(parts[0].started_at_s):x}-{secrets.token_hex(4)}",
        started_at_s=min(part.started_at_s for part in parts),
        load=msgspec.structs.replace(load, detail={**load.detail, "workers": len(parts)}),
        duration_s=max(part.duration_s for part in parts),
        n_requests=sum(part.n_requests for part in parts),
        n_errors=dict(sum((Counter(part.n_errors) for part in parts), Counter())),
        n_wrong=sum(part.n_wrong for part in parts),
        n_good=_sum(part.n_good for part in parts),
        n_retries=sum(part.n_retries for part in parts),
        n_output_tokens=_sum(part.n_output_tokens for part in parts),
        itl_kind=_itl_kind(parts),
        histograms=_histograms(parts),
        slices=slices.merge([part.slices for part in parts if part.slices is not None]),
        environment=_environment(parts),
        client_overhead=_overhead(parts),
        cost=_sum(part.cost for part in parts),
        batch_cost=_sum(part.batch_cost for part in parts),
        void_reason=_first(part.void_reason for part in parts),
        partial_reason=_first(part.partial_reason for part in parts),
    )


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _itl_kind(parts: Sequence[RunResult]) -> ItlKind:
    kinds = {part.itl_kind for part in parts if Metric.ITL_MS in part.histograms}
    return ItlKind.CHUNK if ItlKind.CHUNK in kinds else ItlKind.TOKEN


def _histograms(parts: Sequence[RunResult]) -> dict[Metric, HistogramData]:
    metrics = dict.fromkeys(metric for part in parts for metric in part.histograms)
    return {
        metric: histogram.merge(
            part.histograms[metric] for part in parts if metric in part.histograms
        )
        for metric in metrics
    }


def _environment(parts: Sequence[RunResult]) -> Environment:
    """Facts that clients do not share are listed, with commas between them."""
    first = parts[0].environment
    clients = [part.environment.client for part in parts]
    names = dict.fromkeys(name for client in clients for name in client)
    facts: dict[str, Fact] = {}
    for name in names:
        known = dict.fromkeys(client.get(name) for client in clients)
        facts[name] = next(iter(known)) if len(known) == 1 else ", ".join(map(str, known))
    return Environment(machine=first.machine, server=first.server, client=facts)


def _overhead(parts: Sequence[RunResult]) -> ClientOverhead | None:
    """That of the worst client: what it delayed is in the figures of all."""
    known = [part.client_overhead for part in parts if part.client_overhead is not None]
    if not known:
        return None
    return ClientOverhead(
        delay_p50_ms=max(one.delay_p50_ms for one in known),
        delay_p99_ms=max(one.delay_p99_ms for one in known),
        cpu_share=max(one.cpu_share for one in known),
    )


def _first(reasons: Iterable[str | None]) -> str | None:
    """The first client's reason, and which client that was."""
    for number, reason in enumerate(reasons, 1):
        if reason is not None:
            return reason if reason == "interrupted" else f"worker {number}: {reason}"
    return None
