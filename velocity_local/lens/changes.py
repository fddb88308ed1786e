"""How much a figure changed from some runs to others, with what is not known about it.

With one run on each side its own requests are all there is: the change is drawn from the bootstrap
of both (`resampling`). Runs of one build differ among themselves, though, and that shows only where
a side has several. Then runs are what is compared: their spread, on logarithms and never below what
their own requests explain, with Student's t for the few it is known from (Welch's case of equal
variances). Sides that were asked in turns are compared with what they have in common left out
(`paired`).
"""

from collections.abc import Sequence
from math import exp, log, sqrt
from random import Random
from statistics import fmean, variance

import msgspec

from velocity_local.lens import resampling
from velocity_local.lens.paired import in_pairs, likeness, together
from velocity_local.lens.permutation import p_value
from velocity_local.lens.quantities import Quantity
from velocity_local.lens.resampling import CONFIDENCE, interval_of
from velocity_local.lens.results import RunResult
from velocity_local.lens.samples import Values, collect

_SEED = 22
_FEWEST_RUNS = 2
_FEW_DRAWS = 400
_WIDEST = 20.0  # of a logarithm: a t of one degree of freedom knows no bounds


class Estimate(msgspec.Struct, frozen=True):
    """A figure of some runs; without an interval if too few values were measured for one."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None


class RunNoise(msgspec.Struct, frozen=True):
    """The relative standard deviation of single runs of one side, and its degrees of freedom."""

    share: float
    freedom: int


class Change(msgspec.Struct, frozen=True):
    """From `before` to `after`; `relative` is None where `before` is zero.

    `draws` are relative changes as they could as well have come out, `absolute_draws` the same
    as differences; both are empty if too few values were measured. `run_noise` is the relative
    standard deviation of runs of one side, None where no side has two.
    """

    before: Estimate
    after: Estimate
    relative: float | None
    p_value: float | None
    run_noise: float | None
    draws: tuple[float, ...] = ()
    absolute_draws: tuple[float, ...] = ()

    def interval(self, *, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
        """Of the relative change."""
        found = interval_of(self.draws, confidence=confidence)
        return None if found is None else (found.low, found.high)


def estimate(runs: Sequence[RunResult], quantity: Quantity) -> Estimate | None:
    """The figure of all those runs together; None if none of them measured it."""
    values = collect(runs, quantity.metric)
    if values is None:
        return None
    return _estimate(values, quantity, resampling.draws(values, quantity))


def change(
    before: Sequence[RunResult], after: Sequence[RunResult], quantity: Quantity
) -> Change | None:
    """How the figure changed; None if a side did not measure it."""
    pairs = in_pairs(before, after)
    before, after = pairs or (before, after)
    first, second = collect(before, quantity.metric), collect(after, quantity.metric)
    if first is None or second is None:
        return None
    drawn_first = resampling.draws(first, quantity)
    drawn_second = resampling.draws(second, quantity, seed=resampling.SEED + 1)
    known_before, known_after = quantity.of(first), quantity.of(second)
    alike = likeness(first, second, quantity) if pairs else 0.0
    drawn = together(drawn_first, drawn_second, alike=alike)
    noise = pair_noise(*pairs, quantity) if pairs else run_noise((before, after), quantity)
    if noise is not None:
        spread = noise.share * sqrt(1 / len(before) + 1 / len(after))
        drawn = [(known_before, known_after * one) for one in _factors(spread, noise.freedom)]
    return Change(
        before=_estimate(first, quantity, drawn_first),
        after=_estimate(second, quantity, drawn_second),
        relative=known_after / known_before - 1 if known_before else None,
        p_value=p_value(first, second, quantity, in_turns=pairs is not None),
        run_noise=None if noise is None else noise.share,
        draws=tuple(b / a - 1 for a, b in drawn if a),
        absolute_draws=tuple(b - a for a, b in drawn),
    )


def run_noise(sides: Sequence[Sequence[RunResult]], quantity: Quantity) -> RunNoise | None:
    """By how much runs of one side differ; None if no side has two that measured it."""
    spreads, explained, freedom = 0.0, [], 0
    for runs in sides:
        known = [found for run in runs if (found := _logs(run, quantity)) is not None]
        if len(known) < _FEWEST_RUNS:
            continue
        spreads += variance(centre for centre, _ in known) * (len(known) - 1)
        freedom += len(known) - 1
        explained += [own for _, own in known]
    if not freedom:
        return None
    return RunNoise(sqrt(max(spreads / freedom, fmean(explained))), freedom)


def pair_noise(
    before: Sequence[RunResult], after: Sequence[RunResult], quantity: Quantity
) -> RunNoise | None:
    """As `run_noise`, of runs made in turns: what is on both sides of a pair is not in it. None if
    fewer than two pairs measured it.
    """
    pairs = zip(before, after, strict=True)
    known = [found for pair in pairs if (found := _log_ratio(*pair, quantity)) is not None]
    if len(known) < _FEWEST_RUNS:
        return None
    spread = max(variance(ratio for ratio, _ in known), fmean(own for _, own in known))
    return RunNoise(sqrt(spread / 2), len(known) - 1)  # a ratio varies as its two runs do


def _estimate(values: Values, quantity: Quantity, drawn: Sequence[float]) -> Estimate:
    found = interval_of(drawn)
    value = quantity.of(values)
    if found is None:
        return Estimate(value, values.n)
    return Estimate(value, values.n, found.low, found.high)


def _logs(run: RunResult, quantity: Quantity) -> tuple[float, float] | None:
    """The logarithm of one run's figure, and the variance its own requests leave it."""
    values = collect([run], quantity.metric)
    if values is None:
        return None
    value = quantity.of(values)
    if value <= 0:
        return None
    drawn = [log(one) for one in resampling.draws(values, quantity, n=_FEW_DRAWS) if one > 0]
    return log(value), variance(drawn) if len(drawn) > 1 else 0.0


def _log_ratio(
    before: RunResult, after: RunResult, quantity: Quantity
) -> tuple[float, float] | None:
    """The logarithm of a pair's change, and the variance its own requests leave it."""
    first, second = collect([before], quantity.metric), collect([after], quantity.metric)
    if first is None or second is None:
        return None
    known_before, known_after = quantity.of(first), quantity.of(second)
    if min(known_before, known_after) <= 0:
        return None
    drawn = together(
        resampling.draws(first, quantity, n=_FEW_DRAWS),
        resampling.draws(second, quantity, n=_FEW_DRAWS, seed=resampling.SEED + 1),
        alike=likeness(first, second, quantity),
    )
    logs = [log(b / a) for a, b in drawn if min(a, b) > 0]
    return log(known_after / known_before), variance(logs) if len(logs) > 1 else 0.0


def _factors(spread: float, freedom: int) -> list[float]:
    """By how much the change could as well have come out larger or smaller."""
    chance = Random(_SEED)  # noqa: S311 - statistics, no secret
    draws = (spread * _t(chance, freedom) for _ in range(resampling.DRAWS))
    return [exp(max(-_WIDEST, min(_WIDEST, draw))) for draw in draws]


def _t(chance: Random, freedom: int) -> float:
    """A draw from Student's t."""
    return chance.gauss(0, 1) / sqrt(chance.gammavariate(freedom / 2, 2) / freedom)
