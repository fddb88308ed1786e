"""Finds the largest load that meets an SLO, and where more load brings nothing more. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

_GROWTH = 2.0


@dataclass(frozen=True, slots=True)
class Bracket:
    """The largest load that was seen to do, and the smallest that was seen not to.

    `good` None means that not even the first did; `bad` None that nothing failed up to the limit.
    """

    good: float | None
    bad: float | None


def largest_load(
    does: Callable[[float], bool],
    *,
    first: float,
    most: float,
    is_whole: bool,
    tolerance: float = 0.05,
) -> Bracket:
    """Double the load until it no longer does, then halve the gap until it is within `tolerance`
    of the load (for whole numbers, until nothing lies between).

    `does` is asked once for each load and never for the same one twice.
    """
    good: float | None = None
    load = first
    while does(load):
        good = load
        if load >= most:
            return Bracket(good, None)
        load = min(most, load * _GROWTH)
    bad = load
    low = 0.0 if good is None else good
    while (middle := _between(low, bad, is_whole=is_whole, tolerance=tolerance)) is not None:
        if does(middle):
            low = good = middle
        else:
            bad = middle
    return Bracket(good, bad)


def _between(low: float, high: float, *, is_whole: bool, tolerance: float) -> float | None:
    """A load between the two that is worth trying."""
    if is_whole:
        middle = float((int(low) + int(high)) // 2)
        return middle if low < middle < high else None
    return (low + high) / 2 if high - low > tolerance * high else None


def is_saturated(throughputs: list[float], *, least_gain: float = 0.05) -> bool:
    """Whether the last two doublings of load brought less than `least_gain` each."""
    if len(throughputs) < 3:
        return False
    *_, before, middle, last = throughputs
    return middle < before * (1 + least_gain) and last < middle * (1 + least_gain)
