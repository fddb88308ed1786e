"""Which quantizations of many are shown."""

from velocity_local.cli.search import _usual
from velocity_local.core.fit import Verdict
from velocity_local.core.search import FoundVariant


def variant(size: int, verdict: Verdict) -> FoundVariant:
    return FoundVariant(f"Q{size}", size, is_estimate=False, pull="", verdict=verdict)


def test_the_largest_that_fit_are_shown() -> None:
    able = [variant(size, "cpu") for size in range(9)]
    assert _usual((*able, variant(99, "too large"))) == tuple(able[3:])


def test_the_smallest_is_shown_if_none_fits() -> None:
    large = tuple(variant(size, "too large") for size in range(3))
    assert _usual(large) == large[:1]
