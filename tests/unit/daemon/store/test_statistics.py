"""Counts, rates and percentiles of a window."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.daemon.store.rows import row
from velocity_local.daemon.store import migrations, requests
from velocity_local.daemon.store.statistics import percentile, spread, stats


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        for step in migrations.STEPS:
            step(opened)
        yield opened


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]),
)
def test_percentiles_are_numpys(values: list[float], share: float) -> None:
    expected = float(np.quantile(values, share))
    assert percentile(sorted(values), share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_spread_leaves_out_what_is_not_known() -> None:
    assert spread([None, None]) is None
    found = spread([3.0, None, 1.0])
    assert found is not None
    assert (found.count, found.mean, found.p50, found.max) == (2, 2.0, 2.0, 3.0)


def test_an_empty_window_is_zero_and_knows_no_spread(connection: sqlite3.Connection) -> None:
    found = stats(connection, 0.0, 10.0)
    assert (found.total.requests, found.total.requests_per_s, found.models) == (0, 0.0, {})
    assert found.total.ttft_ms is None


def test_a_window_counts_all_and_spreads_over_what_ended_well(
    connection: sqlite3.Connection,
) -> None:
    for number in range(4):
        requests.save(
            connection,
            row(f"a{number}", created_s=float(number), ttft_ms=number * 10.0, prompt_tokens=5,
                cached_tokens=2, completion_tokens=10, resumes=1),
        )  # fmt: skip
    requests.save(connection, row("e", created_s=5.0, status="error", ttft_ms=9999.0, model="big"))
    requests.save(connection, row("outside", created_s=10.0))
    found = stats(connection, 0.0, 10.0)
    assert found.total.by_status == {"ok": 4, "error": 1}
    assert (found.total.requests, found.total.requests_per_s) == (5, 0.5)
    assert (found.total.prompt_tokens, found.total.cached_tokens) == (20, 8)
    assert (found.total.completion_tokens, found.total.completion_tokens_per_s) == (40, 4.0)
    assert found.total.resumes == 4
    assert found.total.ttft_ms is not None
    assert (found.total.ttft_ms.count, found.total.ttft_ms.max) == (4, 30.0)
    assert {name: each.requests for name, each in found.models.items()} == {"big": 1, "demo": 4}
    assert found.models["big"].ttft_ms is None


def test_spreads_are_of_the_newest_requests(connection: sqlite3.Connection) -> None:
    for number in range(10):
        requests.save(connection, row(f"a{number}", created_s=float(number), total_ms=number * 1.0))
    found = stats(connection, 0.0, 10.0, limit=3)
    assert found.total.requests == 10
    assert found.total.total_ms is not None
    assert (found.total.total_ms.count, found.total.total_ms.mean) == (3, 8.0)
