"""The one definition of a percentile that everything in the lens uses."""

from collections.abc import Sequence


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The value at `percent` (0 to 100) of values in ascending order, between two by a line.

    It is NumPy's default ("linear"), R's type 7: Hyndman and Fan, "Sample quantiles in
    statistical packages", The American Statistician 50 (1996).

    Raises:
        ValueError: if there is no value, or `percent` lies outside 0 to 100.
    """
    if not ordered:
        raise ValueError("no values, so no percentile")
    if not 0 <= percent <= 100:
        raise ValueError(f"a percentile lies from 0 to 100; {percent:g} does not")
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    if below + 1 == len(ordered):
        return ordered[below]
    return _between(ordered[below], ordered[below + 1], position - below)


def _between(low: float, high: float, share: float) -> float:
    """From the nearer end, as NumPy does it: both ends are met exactly."""
    if share < 0.5:
        return low + (high - low) * share
    return high - (high - low) * (1 - share)
