"""Percentiles against NumPy's, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.lens.percentiles import percentile


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.sampled_from([0, 1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100]),
)
def test_it_is_numpys_linear_percentile(values: list[float], percent: float) -> None:
    expected = float(np.percentile(np.array(values), percent))
    assert percentile(sorted(values), percent) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_one_value_is_every_percentile() -> None:
    assert [percentile([7.0], p) for p in (0, 50, 100)] == [7.0, 7.0, 7.0]


@pytest.mark.parametrize("percent", [-1, 100.1])
def test_a_percentile_outside_its_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 100"):
        percentile([1.0], percent)


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)
