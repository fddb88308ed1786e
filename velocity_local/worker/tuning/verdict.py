"""Whether one way to load a model is faster than another, from measurements in turns. Pure.

Each round measures all ways one after another, so what slows the machine down for a while slows
all of them. A way is compared with the other in the same round only. Its cost is the geometric
mean of the ratios of its three figures; 0.9 is a tenth less time.
"""

import statistics
from collections.abc import Sequence

from velocity_local.core.tuning import Figures

MIN_ROUNDS = 3
# What is gained must be worth a setting, and no figure may pay much for the others.
MIN_GAIN = 0.03
MAX_LOSS = 0.10
# Rounds that may disagree: none of the first few, then one in six
_ROUNDS_PER_DISSENT = 6
_HOPELESS = 1.10
_FIGURES = ("prompts", "single streams", "several streams")


def cost(figures: Figures, other: Figures) -> float:
    """The time of one trial as a share of the other's."""
    return statistics.geometric_mean(_ratios(figures, other))


def median_cost(ours: Sequence[Figures], others: Sequence[Figures]) -> float:
    """The median over rounds; both have one trial for each round."""
    return statistics.median(cost(a, b) for a, b in zip(ours, others, strict=True))


def objection(ours: Sequence[Figures], others: Sequence[Figures]) -> str | None:
    """Why `ours` is not called the faster one, in words; None if the rounds leave no doubt.

    With equal speed, all of five rounds agree by chance once in 32; the least gain asked for
    makes that rarer.
    """
    costs = [cost(a, b) for a, b in zip(ours, others, strict=True)]
    if len(costs) < MIN_ROUNDS or statistics.median(costs) > 1 - MIN_GAIN:
        return "no gain" if min(costs, default=1) > 1 - MIN_GAIN else "no clear gain"
    dissents = sum(one >= 1 for one in costs)
    if dissents > len(costs) // _ROUNDS_PER_DISSENT:
        return f"{dissents} round{'s say' if dissents > 1 else ' says'} the opposite"
    losses = _ratios(typical_figures(ours), typical_figures(others))
    worst = max(losses)
    if worst > 1 + MAX_LOSS:
        what = _FIGURES[losses.index(worst)]
        return f"but {what} need {worst:.2f} of the time"
    return None


def is_better(ours: Sequence[Figures], others: Sequence[Figures]) -> bool:
    """True if there is no objection."""
    return objection(ours, others) is None


def is_hopeless(ours: Sequence[Figures], others: Sequence[Figures]) -> bool:
    """True if further rounds would be a waste: each one so far says that it is slower."""
    costs = [cost(a, b) for a, b in zip(ours, others, strict=True)]
    return len(costs) >= 2 and min(costs) > _HOPELESS


def typical_figures(trials: Sequence[Figures]) -> Figures:
    """Each figure's median."""
    return Figures(
        trials[0].n_prompt,
        trials[0].n_streams,
        statistics.median(trial.prefill_ms for trial in trials),
        statistics.median(trial.decode_ms for trial in trials),
        statistics.median(trial.streams_ms for trial in trials),
    )


def _ratios(figures: Figures, other: Figures) -> tuple[float, float, float]:
    return (
        figures.prefill_ms / other.prefill_ms,
        figures.decode_ms / other.decode_ms,
        figures.streams_ms / other.streams_ms,
    )
