"""Estimates made better by what is known of this machine: a dry run's sizes, and how far earlier
estimates were off.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from velocity_local.core.fit import FitAsk, Need, Shape
from velocity_local.core.loads import LoadRow
from velocity_local.core.models import Buffers
from velocity_local.daemon.catalog.fit import NeedAt
from velocity_local.daemon.catalog.fit_bytes import need_of

# Of a dry run that no load of this machine was compared with yet.
UNPROVEN_PERCENT = 10.0
LEAST_PERCENT = 1.0
_MIN_LOADS = 3
_SHARE = 0.95


def by_formula(shape: Shape, ask: FitAsk) -> NeedAt:
    """The formula, for any context."""

    def need_at(n_ctx: int) -> Need:
        return need_of(shape, replace(ask, n_ctx=n_ctx))

    return need_at


def by_buffers(
    formula: NeedAt, buffers: Buffers, *, n_ctx: int, error_percent: float, is_load: bool = False
) -> NeedAt:
    """The formula, held to the sizes that the engine told for `n_ctx`."""
    known = formula(n_ctx)
    kv_scale = buffers.kv_bytes / known.kv_bytes if known.kv_bytes else 1.0
    more_compute = buffers.compute_bytes - known.compute_bytes

    def need_at(cells: int) -> Need:
        need = formula(cells)
        kv_bytes = int(need.kv_bytes * kv_scale) if known.kv_bytes else buffers.kv_bytes
        better = replace(
            need,
            weights_bytes=buffers.weights_bytes,
            kv_bytes=kv_bytes,
            compute_bytes=max(need.compute_bytes + more_compute, 0),
            source="loaded" if is_load else "dry run",
            doubt=need.doubt if cells != n_ctx else "",
        )
        return replace(better, error_bytes=int(better.engine_bytes * error_percent / 100))

    return need_at


def error_percent(loads: Sequence[LoadRow]) -> float:
    """How far dry runs of this machine were off, nearly always (95 %)."""
    off = sorted(
        100 * abs(row.engine_bytes / row.dry_run_bytes - 1)
        for row in loads
        if row.dry_run_bytes and row.engine_bytes
    )
    if len(off) < _MIN_LOADS:
        return UNPROVEN_PERCENT
    return max(off[min(int(len(off) * _SHARE), len(off) - 1)], LEAST_PERCENT)


def load_of(loads: Sequence[LoadRow], fingerprint: str, options: str) -> Buffers | None:
    """What the very same load took, if there was one."""
    for row in loads:
        if (row.fingerprint, row.options) == (fingerprint, options):
            return Buffers(row.weights_bytes, row.kv_bytes, row.compute_bytes)
    return None
