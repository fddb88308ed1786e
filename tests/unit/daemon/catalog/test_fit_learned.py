"""Estimates that learn: from a dry run, and from how far earlier ones were off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.daemon.catalog.test_fit import EIGHT_B
from velocity_local.core.fit import FitAsk
from velocity_local.core.loads import LoadRow
from velocity_local.core.models import Buffers
from velocity_local.daemon.catalog.fit_learned import (
    LEAST_PERCENT,
    UNPROVEN_PERCENT,
    by_buffers,
    by_formula,
    error_percent,
    load_of,
)

FORMULA = by_formula(EIGHT_B, FitAsk())


def row(taken: int, expected: int | None, *, options: str = "{}") -> LoadRow:
    return LoadRow(0.0, "m", "print", options, taken, 0, 0, 1.0, dry_run_bytes=expected)


def test_for_its_own_context_a_dry_run_is_taken_as_it_is() -> None:
    told = Buffers(4_000_000_000, 1_100_000_000, 90_000_000)
    need = by_buffers(FORMULA, told, n_ctx=8192, error_percent=10.0)(8192)
    assert (need.weights_bytes, need.compute_bytes) == (told.weights_bytes, told.compute_bytes)
    assert need.kv_bytes == pytest.approx(told.kv_bytes, abs=1)
    assert need.error_bytes == pytest.approx(told.total_bytes / 10, rel=0.001)
    assert (need.source, need.doubt) == ("dry run", "")


@given(st.integers(512, 131_072))
def test_for_others_the_cache_grows_as_the_formula_says(n_ctx: int) -> None:
    double = Buffers(4_000_000_000, 2 * FORMULA(8192).kv_bytes, 90_000_000)
    need = by_buffers(FORMULA, double, n_ctx=8192, error_percent=1.0)(n_ctx)
    assert need.kv_bytes == pytest.approx(2 * FORMULA(n_ctx).kv_bytes, rel=1e-6)
    assert need.compute_bytes >= 0


def test_a_load_of_this_machine_is_the_surest() -> None:
    taken = Buffers(4_000_000_000, 1_000_000_000, 90_000_000)
    need = by_buffers(FORMULA, taken, n_ctx=8192, error_percent=1.0, is_load=True)(8192)
    assert need.source == "loaded"


def test_before_three_loads_were_compared_a_dry_run_is_unproven() -> None:
    assert error_percent([]) == UNPROVEN_PERCENT
    assert error_percent([row(100, 100), row(100, 100)]) == UNPROVEN_PERCENT
    assert error_percent([row(100, None)] * 9) == UNPROVEN_PERCENT


def test_afterwards_it_is_as_good_as_it_was() -> None:
    assert error_percent([row(100, 100)] * 5) == LEAST_PERCENT
    assert error_percent([row(104, 100)] * 5) == pytest.approx(4.0)
    mostly = [row(100, 100)] * 99 + [row(150, 100)]
    assert error_percent(mostly) == LEAST_PERCENT


def test_only_the_very_same_load_counts_as_known() -> None:
    rows = [row(100, None, options='{"n_ctx":4096}'), row(200, None)]
    assert load_of(rows, "print", "{}") == Buffers(200, 0, 0)
    assert load_of(rows, "print", '{"n_ctx":512}') is None
    assert load_of(rows, "other", "{}") is None
