"""Could the difference of two samples be chance? A permutation test of blocks.

If both came from one source, their blocks could as well have been dealt the other way. The figure
looked at is the difference of the shares above the pooled percentile (for the median: Mood's
test), or of the means. Values that were only counted are dealt one by one, which needs no dealing:
the count above is hypergeometric (Fisher's exact test). Sides that were asked in turns are swapped
block by block instead, since the two blocks of a place are of the same moments.
"""

from collections.abc import Sequence
from math import erfc, exp, lgamma, sqrt
from random import Random

from velocity_local.lens.percentiles import percentile
from velocity_local.lens.quantities import Quantity
from velocity_local.lens.samples import Counted, Sample, Values

DEALS = 2000
SEED = 21
_EXACT_UP_TO = 20_000
_HALVINGS = 80
_TIE = 1e-12  # of the share: figures that differ by rounding alone are equal

Part = tuple[float, int]
"""A block's count above the threshold (or its sum), and its number of values."""


def p_value(
    before: Values,
    after: Values,
    quantity: Quantity,
    *,
    in_turns: bool = False,
    n: int = DEALS,
    seed: int = SEED,
) -> float | None:
    """How likely a difference this large is if nothing changed, two-sided.

    None if there is nothing to deal. It is never zero: the deal that happened counts as one
    (Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010).
    """
    if isinstance(before, Counted) or isinstance(after, Counted):
        if quantity.percent is None:
            return None
        threshold = pooled_percentile(before, after, quantity.percent)
        return exact(before.n_above(threshold), before.n, after.n_above(threshold), after.n)
    if quantity.percent is None:
        first, second = before.sums(), after.sums()
    else:
        threshold = pooled_percentile(before, after, quantity.percent)
        first, second = before.above(threshold), after.above(threshold)
    test = swapped if in_turns and len(first) == len(second) else dealt
    return test(first, second, n=n, seed=seed)


def dealt(
    before: Sequence[Part], after: Sequence[Part], *, n: int = DEALS, seed: int = SEED
) -> float | None:
    """The p-value from `n` random deals of the blocks; None if a side has fewer than two."""
    if len(before) < 2 or len(after) < 2:
        return None
    chance = Random(seed)  # noqa: S311 - statistics, no secret
    blocks = [*before, *after]
    seen = abs(_difference(before, after))
    tie = seen * (1 - _TIE) - _TIE
    n_as_large = 0
    for _ in range(n):
        chance.shuffle(blocks)
        n_as_large += abs(_difference(blocks[: len(before)], blocks[len(before) :])) >= tie
    return (1 + n_as_large) / (1 + n)


def swapped(
    before: Sequence[Part], after: Sequence[Part], *, n: int = DEALS, seed: int = SEED
) -> float | None:
    """The p-value from `n` times swapping the blocks of each place at random (Fisher's test of
    pairs); None if there are fewer than two places.
    """
    if len(before) < 2:
        return None
    chance = Random(seed)  # noqa: S311 - statistics, no secret
    places = list(zip(before, after, strict=True))
    seen = abs(_difference(before, after))
    tie = seen * (1 - _TIE) - _TIE
    n_as_large = 0
    for _ in range(n):
        dealt_out = [(b, a) if chance.random() < 0.5 else (a, b) for b, a in places]
        first, second = zip(*dealt_out, strict=True)
        n_as_large += abs(_difference(first, second)) >= tie
    return (1 + n_as_large) / (1 + n)


def exact(above_before: int, n_before: int, above_after: int, n_after: int) -> float | None:
    """Fisher's exact test of two shares, two-sided; for large counts by the normal distribution."""
    n, above = n_before + n_after, above_before + above_after
    if not n_before or not n_after:
        return None
    if above in {0, n}:
        return 1.0
    if n > _EXACT_UP_TO:
        return _by_normal(above_before, n_before, above_after, n_after)
    seen = _log_chance(above_after, above, n_after, n)
    possible = range(max(0, above - n_before), min(above, n_after) + 1)
    chances = (_log_chance(count, above, n_after, n) for count in possible)
    return min(1.0, sum(exp(chance) for chance in chances if chance <= seen + 1e-7))


def pooled_percentile(before: Values, after: Values, percent: float) -> float:
    """The percentile of both together; by halving if one was only counted."""
    if isinstance(before, Sample) and isinstance(after, Sample):
        return percentile(sorted([*before.ordered, *after.ordered]), percent)
    low = min(before.value(0), after.value(0))
    high = max(before.value(before.n - 1), after.value(after.n - 1))
    wanted = (before.n + after.n) * (1 - percent / 100)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if before.n_above(middle) + after.n_above(middle) > wanted:
            low = middle
        else:
            high = middle
    return high


def _difference(before: Sequence[Part], after: Sequence[Part]) -> float:
    return _ratio(after) - _ratio(before)


def _ratio(parts: Sequence[Part]) -> float:
    return sum(total for total, _ in parts) / sum(size for _, size in parts)


def _log_chance(count: int, above: int, n_after: int, n: int) -> float:
    """Of `count` above among `n_after` taken from `n` that have `above`: hypergeometric."""
    return (
        _log_choose(above, count)
        + _log_choose(n - above, n_after - count)
        - _log_choose(n, n_after)
    )


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _by_normal(above_before: int, n_before: int, above_after: int, n_after: int) -> float:
    share = (above_before + above_after) / (n_before + n_after)
    spread = sqrt(share * (1 - share) * (1 / n_before + 1 / n_after))
    z = abs(above_after / n_after - above_before / n_before) / spread
    return erfc(z / sqrt(2))
