"""What other figures could as well have come out: draws from a statistic's bootstrap distribution.

**Percentiles.** A resample of n values has its k-th smallest at rank `floor(n * U)` of the sample,
U from Beta(k, n + 1 - k), so a draw of the exact bootstrap distribution costs one random number
and no resample (Maritz and Jarrett, "A Note on Estimating the Variance of the Sample Median",
JASA 73, 1978). Intervals are percentile intervals: BCa's acceleration comes from the jackknife,
which is not consistent for percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap",
1993, section 11.6).

**Dependence.** Blocks that differ by more than chance say that there are fewer independent values
than values: n is divided by the design effect, the variance of the share above the percentile
between blocks over that of independent values (Kish, "Survey Sampling", 1965; Woodruff, JASA 47,
1952), with Student's t for the few blocks it is known from.

**Means** are resampled by block; the spread is widened by `sqrt(B / (B - 1))`, without which the
bootstrap of B blocks is too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from statistics import NormalDist

from velocity_local.lens.percentiles import percentile
from velocity_local.lens.quantities import Quantity
from velocity_local.lens.samples import Counted, Values

DRAWS = 2000
SEED = 20
CONFIDENCE = 0.95
MIN_BEYOND = 5.0
"""Values (independent ones) that must lie beyond a percentile for its interval to mean anything."""
MIN_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true figure lies with that confidence."""

    low: float
    high: float
    confidence: float = CONFIDENCE


def draws(values: Values, quantity: Quantity, *, n: int = DRAWS, seed: int = SEED) -> list[float]:
    """`n` figures from the bootstrap distribution; none if there are too few values for one."""
    chance = Random(seed)  # noqa: S311 - statistics, no secret
    if quantity.percent is None:
        return _of_mean(values, n, chance)
    return _of_percentile(values, quantity.percent / 100, n, chance)


def interval(
    values: Values, quantity: Quantity, *, confidence: float = CONFIDENCE, seed: int = SEED
) -> Interval | None:
    """The percentile interval; None if there are too few values for one."""
    return interval_of(draws(values, quantity, seed=seed), confidence=confidence)


def interval_of(drawn: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval | None:
    """The middle `confidence` of what was drawn; None if nothing was."""
    if not drawn:
        return None
    ordered = sorted(drawn)
    outside = (1 - confidence) / 2 * 100
    return Interval(
        percentile(ordered, outside), percentile(ordered, 100 - outside), confidence=confidence
    )


def design_effect(values: Values, share_below: float) -> float:
    """How many values are worth one independent value, 1 or more, at that percentile."""
    if isinstance(values, Counted) or len(values.blocks) < MIN_BLOCKS:
        return 1.0
    threshold = values.percentile(share_below * 100)
    blocks = values.above(threshold)
    n = values.n
    share = sum(above for above, _ in blocks) / n
    if not 0 < share < 1:
        return 1.0
    n_blocks = len(blocks)
    between = sum((above - share * size) ** 2 for above, size in blocks)
    variance = between * n_blocks / (n_blocks - 1) / n**2
    effect = variance / (share * (1 - share) / n)
    return max(1.0, effect * _widening(n_blocks)) if effect > 1 else 1.0


def _of_percentile(values: Values, share: float, n: int, chance: Random) -> list[float]:
    size = values.n / design_effect(values, share)
    if size * min(share, 1 - share) < MIN_BEYOND:
        return []
    position = (size - 1) * share
    found = []
    for _ in range(n):
        rank = chance.betavariate(position + 1, size - position) * values.n
        found.append(values.value(min(int(rank), values.n - 1)))
    return found


def _of_mean(values: Values, n: int, chance: Random) -> list[float]:
    if isinstance(values, Counted) or len(values.blocks) < MIN_BLOCKS:
        return []
    sums = values.sums()
    wider = sqrt(len(sums) / (len(sums) - 1))
    found = []
    for _ in range(n):
        taken = chance.choices(sums, k=len(sums))
        mean = sum(total for total, _ in taken) / sum(size for _, size in taken)
        found.append(values.mean + (mean - values.mean) * wider)
    return found


def _widening(n_blocks: int) -> float:
    """Student's t over the normal, squared, to first order (Fisher's expansion)."""
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    return (1 + (z**2 + 1) / (4 * (n_blocks - 1))) ** 2
