"""From values to places on a plot: linear, logarithmic, and percentiles by their tail."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10

_STEPS = (1, 2, 5, 10)
_FINE_STEPS = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5)
_TICKS = 6
_MOST_DECADES = 4
_PERCENTILES = (0.0, 50.0, 90.0, 95.0, 99.0, 99.9, 99.99)


@dataclass(frozen=True, slots=True)
class Scale:
    """`place` gives 0 for the axis' beginning and 1 for its end; `ticks` are values with names."""

    place: Callable[[float], float]
    ticks: tuple[tuple[float, str], ...]


def linear(largest: float) -> Scale:
    """From zero to a round number at or above `largest`."""
    step = _round_up((largest or 1.0) / _TICKS)
    n = max(1, ceil(largest / step - 1e-9))
    ticks = tuple((number * step, f"{number * step:.6g}") for number in range(n + 1))
    return Scale(lambda value: value / (n * step), ticks)


def logarithmic(smallest: float, largest: float) -> Scale:
    """From a round number at or below `smallest` (above zero) to one above it, at `largest`."""
    low, high = _round_down(smallest), _round_up(largest)
    if high <= low:
        high = low * 10
    span = log10(high / low)
    powers = range(floor(log10(low) + 1e-9), ceil(log10(high) + 1e-9) + 1)
    steps: tuple[float, ...] = _STEPS[:-1] if len(powers) <= _MOST_DECADES else _STEPS[:1]
    if high <= low * 2.5:
        steps = (*_FINE_STEPS, *range(5, 10))
    round_ones = (step * 10.0**power for power in powers for step in steps)
    ticks = tuple((one, f"{one:.6g}") for one in round_ones if low * 0.999 <= one <= high * 1.001)
    return Scale(lambda value: log10(max(value, low) / low) / span, ticks)


def tail(largest_percent: float) -> Scale:
    """Percentiles, each further nine as far from the last one as the one before."""
    named = [one for one in _PERCENTILES if one <= largest_percent] or [0.0]
    width = max(_nines(largest_percent), _nines(50.0))
    ticks = tuple((one, f"p{one:g}" if one else "min") for one in named)
    return Scale(lambda percent: _nines(percent) / width, ticks)


def _nines(percent: float) -> float:
    return -log10(max(1 - percent / 100, 1e-6))


def _round_down(value: float) -> float:
    power = 10.0 ** floor(log10(value))
    return max(factor * power for factor in _STEPS if factor * power <= value * (1 + 1e-9))


def _round_up(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return next(factor * power for factor in _STEPS if factor * power >= step * (1 - 1e-9))
