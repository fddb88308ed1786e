"""A histogram whose relative error is bounded at any size of value, and that merges without loss.

Buckets as in HdrHistogram (http://hdrhistogram.org): values are whole numbers of `unit`; up to
`2 ** precision_bits` each has a bucket of its own, and above that each doubling is cut into
`2 ** (precision_bits - 1)` equal buckets. A bucket's middle is away from any value in it by at
most a share of `2 ** -precision_bits` of the value, and half a unit for rounding.
Merging adds counts, so percentiles of a merged histogram are those of all values together.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from velocity_local.lens.results import HistogramData

UNIT = 0.001
PRECISION_BITS = 10
_MAX_BITS = 62  # of a value in units: larger ones are counted at this size


class Histogram:
    """Counts that grow. Not for several threads at once."""

    def __init__(self, *, unit: float = UNIT, precision_bits: int = PRECISION_BITS) -> None:
        if unit <= 0 or precision_bits < 2:
            raise ValueError(f"no histogram of unit {unit:g} and {precision_bits} bits")
        self._unit = unit
        self._bits = precision_bits
        self._counts: dict[int, int] = {}
        self._n = 0
        self._total = 0.0
        self._smallest = float("inf")
        self._largest = float("-inf")

    @property
    def n(self) -> int:
        return self._n

    def add(self, value: float, *, times: int = 1) -> None:
        """Count a value that is zero or more.

        Raises:
            ValueError: if it is negative, infinite or not a number.
        """
        if not 0 <= value < float("inf"):
            raise ValueError(f"a histogram counts values from zero up; {value!r} is none")
        index = bucket_of(value, unit=self._unit, precision_bits=self._bits)
        self._counts[index] = self._counts.get(index, 0) + times
        self._n += times
        self._total += value * times
        self._smallest = min(self._smallest, value)
        self._largest = max(self._largest, value)

    def add_all(self, values: Iterable[float]) -> None:
        for value in values:
            self.add(value)

    def data(self) -> HistogramData:
        """What was counted, as a value. An empty histogram has 0 as its ends."""
        return HistogramData(
            unit=self._unit,
            precision_bits=self._bits,
            counts=dict(sorted(self._counts.items())),
            n=self._n,
            total=self._total,
            smallest=self._smallest if self._n else 0.0,
            largest=self._largest if self._n else 0.0,
        )


def bucket_of(value: float, *, unit: float, precision_bits: int) -> int:
    """The index of the bucket for a value; indexes ascend with values and leave no gap."""
    steps = min(round(value / unit), 1 << _MAX_BITS)
    doublings = max(steps.bit_length() - precision_bits, 0)
    return (doublings << (precision_bits - 1)) + (steps >> doublings)


def middle_of(index: int, *, unit: float, precision_bits: int) -> float:
    """The middle of a bucket, which stands for all values in it."""
    half = 1 << (precision_bits - 1)
    doublings = max(index // half - 1, 0)
    first = (index - doublings * half) << doublings
    width = 1 << doublings
    return (first + (width - 1) / 2) * unit


def relative_error(data: HistogramData) -> float:
    """The bound on the error of any percentile, as a share of it; half a unit comes on top."""
    return float(2**-data.precision_bits)


def merge(parts: Iterable[HistogramData]) -> HistogramData:
    """All parts counted together; the order makes no difference to counts and ends.

    Raises:
        ValueError: if there is no part, or their buckets differ.
    """
    given = list(parts)
    if not given:
        raise ValueError("no histograms to merge")
    first = given[0]
    if any((p.unit, p.precision_bits) != (first.unit, first.precision_bits) for p in given):
        raise ValueError("histograms of different unit or precision cannot be merged")
    filled = [part for part in given if part.n]
    counts: dict[int, int] = {}
    for part in filled:
        for index, times in part.counts.items():
            counts[index] = counts.get(index, 0) + times
    return HistogramData(
        unit=first.unit,
        precision_bits=first.precision_bits,
        counts=dict(sorted(counts.items())),
        n=sum(part.n for part in filled),
        total=sum(part.total for part in filled),
        smallest=min((part.smallest for part in filled), default=0.0),
        largest=max((part.largest for part in filled), default=0.0),
    )


class Ranks:
    """The values of a histogram by rank, with the sums made once."""

    def __init__(self, data: HistogramData) -> None:
        """Raises ValueError if the histogram is empty."""
        if not data.n:
            raise ValueError("an empty histogram has no values")
        self._data = data
        self._middles = [middle for middle, _ in buckets(data)]
        self._upto = list(accumulate(times for _, times in buckets(data)))

    def value(self, rank: int) -> float:
        """The value of that rank, from 0 for the smallest to `n - 1`."""
        middle = self._middles[bisect_right(self._upto, rank)]
        return min(max(middle, self._data.smallest), self._data.largest)

    def percentile(self, percent: float) -> float:
        """As `percentiles.percentile` of the values counted, within `relative_error`."""
        position = (self._data.n - 1) * percent / 100
        below = int(position)
        low = self.value(below)
        if position == below:
            return low
        return low + (self.value(below + 1) - low) * (position - below)

    def n_above(self, threshold: float) -> int:
        """How many values lie above it, by the middles of their buckets."""
        below = bisect_right(self._middles, threshold)
        return self._data.n - (self._upto[below - 1] if below else 0)


def buckets(data: HistogramData) -> Iterator[tuple[float, int]]:
    """The middle of each bucket in use, and how many values it holds, ascending."""
    for index, times in sorted(data.counts.items()):
        yield middle_of(index, unit=data.unit, precision_bits=data.precision_bits), times
