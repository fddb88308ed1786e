"""Ratios are taken within a round, so that a machine that slows down changes nothing."""

import pytest

from benchmarks.ratios import pairwise_difference, pairwise_ratio


def test_drift_of_the_machine_cancels() -> None:
    ratio = pairwise_ratio([100.0, 50.0, 10.0], [50.0, 25.0, 5.0])

    assert (ratio.middle, ratio.low, ratio.high) == (2.0, 2.0, 2.0)


def test_the_spread_is_told() -> None:
    assert str(pairwise_ratio([1.0, 3.0, 2.0], [1.0, 1.0, 1.0])) == "2.000 (1.000 to 3.000)"


def test_differences_are_of_pairs_and_told_with_quartiles() -> None:
    beyond = pairwise_difference([11.0, 22.0, 33.0, 44.0, 55.0], [10.0, 20.0, 30.0, 40.0, 50.0])

    assert (beyond.low, beyond.middle, beyond.high) == (2.0, 3.0, 4.0)


def test_pairs_must_be_complete() -> None:
    with pytest.raises(ValueError, match="shorter"):
        pairwise_ratio([1.0, 2.0], [1.0])
