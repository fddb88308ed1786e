"""What two sides that were asked in turns have in common, and how their figures vary together.

The blocks of such runs are of the same moments, place by place. How alike the two blocks of a place
lie says how much of a figure's uncertainty is on both sides, and so not in their difference. Draws
of both are dealt to each other with that correlation, each side keeping its own distribution (Iman
and Conover, Communications in Statistics B11, 1982).
"""

from collections.abc import Sequence
from math import atanh, sqrt, tanh
from random import Random
from statistics import StatisticsError, correlation

from velocity_local.lens.quantities import Quantity
from velocity_local.lens.resampling import MIN_BLOCKS
from velocity_local.lens.results import RunResult, Side
from velocity_local.lens.samples import Sample, Values

_SEED = 23
_NEARLY = 0.999


def in_pairs(
    before: Sequence[RunResult], after: Sequence[RunResult]
) -> tuple[list[RunResult], list[RunResult]] | None:
    """Both sides with the runs of a pair at the same place; None if some were not made in turns."""
    first = {run.pairing.id: run for run in before if run.pairing is not None}
    second = {run.pairing.id: run for run in after if run.pairing is not None}
    if not first or first.keys() != second.keys():
        return None
    if not len(before) == len(after) == len(first):
        return None
    if any(first[id_].pairing == second[id_].pairing for id_ in first):  # a run beside itself
        return None
    return [first[id_] for id_ in first], [second[id_] for id_ in first]


def sides(runs: Sequence[RunResult]) -> tuple[list[RunResult], list[RunResult]] | None:
    """Before and after, where all the runs were made in turns; None where one was not."""
    if any(run.pairing is None for run in runs):
        return None
    by_side: dict[Side, list[RunResult]] = {Side.BEFORE: [], Side.AFTER: []}
    for run in runs:
        if run.pairing is not None:
            by_side[run.pairing.side].append(run)
    before, after = by_side[Side.BEFORE], by_side[Side.AFTER]
    return (before, after) if before and after else None


def as_it_is(runs: Sequence[RunResult]) -> list[RunResult]:
    """Of runs made in turns those of the server as it is now; any others as they are."""
    both = sides(runs)
    return list(runs) if both is None else both[1]


def likeness(before: Values, after: Values, quantity: Quantity) -> float:
    """The correlation of the two sides' figures, 0 to below 1, and rather too small than too large:
    one standard error below what the blocks show (Fisher's z).
    """
    if not isinstance(before, Sample) or not isinstance(after, Sample):
        return 0.0
    n_blocks = len(before.blocks)
    if n_blocks < MIN_BLOCKS:
        return 0.0
    try:
        seen = correlation(_pulls(before, quantity), _pulls(after, quantity))
    except StatisticsError:  # one side is constant, or has another number of blocks
        return 0.0
    likely = tanh(atanh(max(-_NEARLY, min(_NEARLY, seen))) - 1 / sqrt(n_blocks - 3))
    return max(0.0, likely)


def together(
    before: Sequence[float], after: Sequence[float], *, alike: float
) -> list[tuple[float, float]]:
    """Draws of both sides, dealt to each other so that their ranks are correlated by `alike`."""
    if alike <= 0:
        return list(zip(before, after, strict=False))
    chance = Random(_SEED)  # noqa: S311 - statistics, no secret
    n = min(len(before), len(after))
    own = sqrt(1 - alike**2)
    first = [chance.gauss(0, 1) for _ in range(n)]
    second = [alike * one + own * chance.gauss(0, 1) for one in first]
    return list(zip(_ranked(before, first), _ranked(after, second), strict=True))


def _pulls(values: Sample, quantity: Quantity) -> list[float]:
    """How much each block pulls the figure away from what it is."""
    known = quantity.of(values)
    blocks = values.sums() if quantity.percent is None else values.above(known)
    level = sum(total for total, _ in blocks) / sum(size for _, size in blocks)
    return [total - level * size for total, size in blocks]


def _ranked(draws: Sequence[float], like: Sequence[float]) -> list[float]:
    """As many of the draws, in the order of ranks that `like` has."""
    ordered = sorted(draws[: len(like)])
    places = sorted(range(len(like)), key=like.__getitem__)
    found = [0.0] * len(like)
    for draw, place in zip(ordered, places, strict=True):
        found[place] = draw
    return found
