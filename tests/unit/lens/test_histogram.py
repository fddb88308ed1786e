"""The bound on a histogram's error, and that merging loses nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.lens import percentiles
from velocity_local.lens.histogram import (
    PRECISION_BITS,
    UNIT,
    Histogram,
    Ranks,
    bucket_of,
    merge,
    middle_of,
    relative_error,
)
from velocity_local.lens.results import HistogramData

VALUES = st.floats(min_value=0, max_value=1e9)
PERCENTS = st.floats(min_value=0, max_value=100)


def counted(
    values: list[float], *, unit: float = UNIT, bits: int = PRECISION_BITS
) -> HistogramData:
    histogram = Histogram(unit=unit, precision_bits=bits)
    histogram.add_all(values)
    return histogram.data()


def allowed(value: float, *, unit: float = UNIT, bits: int = PRECISION_BITS) -> float:
    return float(value * 2**-bits + unit * 0.5) * 1.000001


@given(VALUES, st.sampled_from([0.0001, 0.001, 1.0]), st.integers(2, 16))
def test_a_value_and_its_bucket_differ_by_less_than_the_bound(
    value: float, unit: float, bits: int
) -> None:
    index = bucket_of(value, unit=unit, precision_bits=bits)
    middle = middle_of(index, unit=unit, precision_bits=bits)
    assert abs(middle - value) <= allowed(value, unit=unit, bits=bits)


@given(st.integers(0, 1 << 40), st.integers(2, 16))
def test_buckets_ascend_with_values_and_leave_no_gap(steps: int, bits: int) -> None:
    here = bucket_of(steps, unit=1, precision_bits=bits)
    following = bucket_of(steps + 1, unit=1, precision_bits=bits)
    assert following - here in {0, 1}


@given(st.lists(VALUES, min_size=1, max_size=200), PERCENTS)
def test_a_percentile_is_that_of_the_values_within_the_bound(
    values: list[float], percent: float
) -> None:
    exact = percentiles.percentile(sorted(values), percent)
    found = Ranks(counted(values)).percentile(percent)
    position = (len(values) - 1) * percent / 100
    neighbour = sorted(values)[min(int(position) + 1, len(values) - 1)]
    assert abs(found - exact) <= allowed(max(exact, neighbour))


@given(st.lists(st.lists(VALUES, max_size=40), min_size=1, max_size=8))
def test_merged_parts_are_the_histogram_of_all_values(parts: list[list[float]]) -> None:
    merged = merge(counted(part) for part in parts)
    whole = counted([value for part in parts for value in part])
    assert merged.counts == whole.counts
    assert (merged.n, merged.smallest, merged.largest) == (whole.n, whole.smallest, whole.largest)
    assert merged.total == pytest.approx(whole.total)


def test_percentiles_of_parts_are_not_averaged() -> None:
    fast, slow = [10.0] * 990, [1000.0] * 10
    merged = merge([counted(fast), counted(slow)])
    assert Ranks(merged).percentile(50) == pytest.approx(10, rel=relative_error(merged))
    assert Ranks(merged).percentile(99.5) == pytest.approx(1000, rel=relative_error(merged))


@given(st.lists(VALUES, min_size=1, max_size=100), VALUES)
def test_counts_above_a_threshold_agree_outside_its_bucket(
    values: list[float], threshold: float
) -> None:
    found = Ranks(counted(values)).n_above(threshold)
    surely = sum(value - allowed(value) > threshold for value in values)
    perhaps = sum(value + allowed(value) > threshold for value in values)
    assert surely <= found <= perhaps


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), -0.0001])
def test_what_is_no_measure_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="from zero up"):
        Histogram().add(value)


def test_histograms_of_different_precision_are_not_merged() -> None:
    with pytest.raises(ValueError, match="cannot be merged"):
        merge([counted([1.0]), counted([1.0], bits=8)])
    with pytest.raises(ValueError, match="no histograms"):
        merge([])


def test_an_empty_histogram_has_no_percentile_and_merges_as_nothing() -> None:
    empty, one = Histogram().data(), counted([5.0])
    assert merge([empty, one]) == one
    with pytest.raises(ValueError, match="no values"):
        Ranks(empty)


def test_its_size_does_not_grow_with_the_number_of_values() -> None:
    once = [1.0 + step / 7 for step in range(5000)]
    assert len(counted(once).counts) == len(counted(once * 3).counts)
    assert len(json.dumps(counted(once).counts)) < 50_000
