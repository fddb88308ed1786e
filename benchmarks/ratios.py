"""Medians and pairwise ratios of figures that were measured in turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of pairs measured next to each other: their ratios' median, lowest and highest."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.3f} ({self.low:.3f} to {self.high:.3f})"


def pairwise_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """`ours[i]` and `theirs[i]` are of the same round, so that drift of the machine cancels."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


@dataclass(frozen=True, slots=True)
class Beyond:
    """Differences of pairs in milliseconds: their median and quartiles."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.1f} ({self.low:.1f} to {self.high:.1f})"


def pairwise_difference(ours: Sequence[float], theirs: Sequence[float]) -> Beyond:
    """`ours[i]` minus `theirs[i]`."""
    differences = sorted(a - b for a, b in zip(ours, theirs, strict=True))
    n = len(differences)
    return Beyond(median(differences), differences[n // 4], differences[(3 * n) // 4])
