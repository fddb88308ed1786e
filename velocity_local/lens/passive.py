"""A run made of the daemon's own history: the same figures without any load."""

import secrets
from collections.abc import Sequence

from velocity_local.core.history import RequestRow
from velocity_local.lens.faults import FaultKind
from velocity_local.lens.results import (
    CacheState,
    CountSource,
    Environment,
    Load,
    LoadKind,
    RequestRecord,
    RunResult,
    ServerTimes,
    Tokens,
)

_FAULTS: dict[str, FaultKind] = {"error": "http_status", "cancelled": "interrupted"}
_RATE_LIMIT_STATUS = 429
_UNKNOWN = Environment()


def passive_run(
    rows: Sequence[RequestRow],
    *,
    since_s: float,
    until_s: float,
    model: str | None = None,
    environment: Environment = _UNKNOWN,
) -> RunResult:
    """The requests that began between two moments of Unix time, as a run.

    The daemon keeps no single times between tokens, so a passive run has none.
    """
    inside = sorted(
        (
            row
            for row in rows
            if since_s <= row.created_s < until_s
            and row.status != "running"
            and (model is None or row.model == model)
        ),
        key=lambda row: row.created_s,
    )
    records = tuple(_record(index, row, since_s) for index, row in enumerate(inside))
    models = sorted({row.model for row in inside if row.model})
    errors: dict[FaultKind, int] = {}
    for record in records:
        if record.error_kind is not None:
            errors[record.error_kind] = errors.get(record.error_kind, 0) + 1
    return RunResult(
        id=f"{int(since_s):x}-{secrets.token_hex(4)}",
        started_at_s=since_s,
        name="history",
        provider="velocity_local",
        model=", ".join(models),
        scenario="history",
        workload="what was asked",
        cache_state=CacheState.UNCONTROLLED,
        load=Load(kind=LoadKind.PASSIVE, duration_s=until_s - since_s),
        duration_s=until_s - since_s,
        n_requests=len(records),
        n_errors=errors,
        n_output_tokens=sum(row.completion_tokens or 0 for row in inside),
        records=records,
        environment=environment,
    )


def _record(index: int, row: RequestRow, since_s: float) -> RequestRecord:
    start_s = row.created_s - since_s
    fault = _FAULTS.get(row.status, "interrupted") if row.status != "ok" else None
    if fault == "http_status" and row.http_status == _RATE_LIMIT_STATUS:
        fault = "rate_limit"
    return RequestRecord(
        index=index,
        intended_start_s=start_s,
        start_s=start_s,
        sent_s=start_s,
        cache_state=CacheState.UNCONTROLLED,
        prompt_id=row.id,
        ttft_ms=row.ttft_ms,
        e2e_ms=row.total_ms if fault is None else None,
        server=_times(row),
        tokens=_tokens(row),
        error_kind=fault,
        error_message=row.error_message,
        status=row.http_status or None,
        finish_reason=row.finish_reason,
    )


def _times(row: RequestRow) -> ServerTimes:
    return ServerTimes(
        queue_ms=row.queue_ms,
        load_ms=row.load_ms,
        prefill_ms=row.prefill_ms,
        decode_ms=row.decode_ms,
    )


def _tokens(row: RequestRow) -> Tokens | None:
    if row.prompt_tokens is None:
        return None
    return Tokens(
        source=CountSource.SERVER,
        prompt=row.prompt_tokens,
        output=row.completion_tokens,
        cached=row.cached_tokens,
    )
