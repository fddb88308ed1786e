"""Scales put values in order between their ends, with few and round ticks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.lens.report.scales import Scale, linear, logarithmic, tail

SIZES = st.floats(1e-3, 1e9)


def check_ticks(scale: Scale) -> None:
    places = [scale.place(value) for value, _ in scale.ticks]
    assert places == sorted(places)
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert 2 <= len(places) <= 16


@given(SIZES)
def test_a_linear_axis_begins_at_zero_and_holds_the_largest(largest: float) -> None:
    scale = linear(largest)
    assert scale.place(0) == 0
    assert 0.5 < scale.place(largest) <= 1 + 1e-9
    check_ticks(scale)


@given(SIZES, SIZES)
def test_a_logarithmic_axis_holds_both_ends(one: float, other: float) -> None:
    smallest, largest = sorted((one, other))
    scale = logarithmic(smallest, largest)
    assert -1e-9 <= scale.place(smallest) <= scale.place(largest) <= 1 + 1e-9
    check_ticks(scale)


def test_nothing_measured_still_has_an_axis() -> None:
    check_ticks(linear(0.0))


def test_each_nine_is_as_wide_as_the_last() -> None:
    scale = tail(99.99)
    widths = [scale.place(b) - scale.place(a) for a, b in ((90, 99), (99, 99.9), (99.9, 99.99))]
    assert widths == pytest.approx([widths[0]] * 3)
    assert scale.place(0) == 0
    assert scale.place(99.99) == pytest.approx(1)


@pytest.mark.parametrize("furthest", [0.0, 50.0, 97.0, 99.5])
def test_a_tail_ends_where_there_are_values(furthest: float) -> None:
    scale = tail(furthest)
    assert all(scale.place(value) <= 1 for value, _ in scale.ticks)
