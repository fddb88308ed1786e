"""Values land in the bucket that Prometheus says they belong to."""

from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.daemon.telemetry.buckets import Buckets

BOUNDS = (0.001, 0.005, 0.1, 1)


def test_a_value_on_a_bound_belongs_below_it() -> None:
    buckets = Buckets(BOUNDS)
    for value in (0.001, 0.0011, 1.0, 7.0):
        buckets.observe(value)
    assert buckets.cumulative() == [
        ("0.001", 1.0), ("0.005", 2.0), ("0.1", 2.0), ("1.0", 3.0), ("+Inf", 4.0),
    ]  # fmt: skip


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=60))
def test_many_at_once_count_as_one_by_one(values_ms: list[int]) -> None:
    one_by_one, at_once = Buckets(BOUNDS), Buckets(BOUNDS)
    for value_ms in values_ms:
        one_by_one.observe(value_ms / 1024)
    at_once.observe_many([float(value) for value in values_ms], scale=1 / 1024)
    assert at_once.cumulative() == one_by_one.cumulative()
    assert abs(at_once.sum - one_by_one.sum) < 1e-9
