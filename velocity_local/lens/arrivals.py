"""When the requests of an open load begin: seconds from the run's start, in order. Pure."""

import math
from collections.abc import Iterator, Sequence
from itertools import count, islice, takewhile
from random import Random

from velocity_local.lens.loads import (
    DEFAULT_REQUESTS,
    Burst,
    Constant,
    OpenLoad,
    Poisson,
    Ramp,
    Replay,
    Step,
)
from velocity_local.lens.words import random_of


def arrivals(load: OpenLoad, *, seed: int, recorded_s: Sequence[float] = ()) -> Iterator[float]:
    """The starts; `recorded_s` are those of a trace that is replayed.

    Without an end of its own, and without `requests` or `duration_s`, a load has
    DEFAULT_REQUESTS requests.
    """
    starts = _endless(load, seed, recorded_s)
    duration_s = load.duration_s
    if duration_s is not None:
        starts = takewhile(lambda start_s: start_s < duration_s, starts)
    has_end = duration_s is not None or isinstance(load, Replay | Ramp | Step)
    n = load.requests if load.requests is not None else None if has_end else DEFAULT_REQUESTS
    return islice(starts, n)


def _endless(load: OpenLoad, seed: int, recorded_s: Sequence[float]) -> Iterator[float]:
    match load:
        case Constant():
            return (number / load.rate_per_s for number in count())
        case Poisson():
            return _poisson(load.rate_per_s, random_of(seed))
        case Burst():
            return (burst * load.every_s for burst in count() for _ in range(load.size))
        case Ramp():
            return _ramp(load)
        case Step():
            return _steps(load)
        case Replay():
            first_s = recorded_s[0] if recorded_s else 0.0
            return ((start_s - first_s) / load.speed for start_s in recorded_s)


def _poisson(rate_per_s: float, random: Random) -> Iterator[float]:
    start_s = 0.0
    while True:
        start_s += random.expovariate(rate_per_s)
        yield start_s


def _ramp(load: Ramp) -> Iterator[float]:
    """The n-th start is where the integral of the rate reaches n."""
    duration_s = load.duration_s or 1.0
    slope = (load.to_per_s - load.from_per_s) / duration_s
    total = (load.from_per_s + load.to_per_s) / 2 * duration_s
    for number in range(math.ceil(total - 1e-9)):
        if abs(slope) < 1e-12:
            yield number / load.from_per_s
        else:
            root = math.sqrt(load.from_per_s**2 + 2 * slope * number)
            yield (root - load.from_per_s) / slope


def _steps(load: Step) -> Iterator[float]:
    for index, rate_per_s in enumerate(load.rates_per_s):
        begin_s = index * load.step_s
        for number in range(math.ceil(rate_per_s * load.step_s - 1e-9)):
            yield begin_s + number / rate_per_s
