"""Sets runs side by side, figure by figure, and says which differences are more than chance."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from velocity_local.lens.answers import AnswerCheck, compare_answers
from velocity_local.lens.changes import Change, Estimate, change
from velocity_local.lens.conditions import Condition, Difference, by_condition, differences
from velocity_local.lens.paired import in_pairs
from velocity_local.lens.quantities import SHOWN, Quantity
from velocity_local.lens.resampling import CONFIDENCE, interval_of
from velocity_local.lens.results import Metric, RunResult

SIGNIFICANCE = 1 - CONFIDENCE
SINGLE_RUNS = (
    "one run on each side: intervals hold what their requests leave open, and not how runs of one"
    " build differ; give several runs of each"
)

IN_TURNS = "asked in turns: what the machine did meanwhile was on both sides, and is left out"
TOO_FEW = (
    "some figures have too few values to say: an interval takes 10 requests for a median, 100 for a"
    " p95 and 500 for a p99, more if neighbours are alike"
)


class Verdict(StrEnum):
    """What can be said of a difference. A change is told only if interval and test agree on it."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "not distinguishable"
    TOO_FEW = "too few values to say"


class Row(msgspec.Struct, frozen=True):
    """One figure on both sides, and the relative change with its interval."""

    quantity: Quantity
    before: Estimate
    after: Estimate
    verdict: Verdict
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    p_value: float | None = None
    run_noise: float | None = None


class Section(msgspec.Struct, frozen=True):
    """All figures of one condition."""

    condition: Condition
    n_runs_before: int
    n_runs_after: int
    rows: tuple[Row, ...]
    answers: AnswerCheck
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True):
    """What was compared, and which conditions only one side has."""

    sections: tuple[Section, ...]
    only_before: tuple[Condition, ...]
    only_after: tuple[Condition, ...]


class Incomparable(ValueError):
    """No condition is shared, or figures must not be used; the message says which and why."""


def compare(
    before: Sequence[RunResult],
    after: Sequence[RunResult],
    *,
    quantities: Sequence[Quantity] = SHOWN,
) -> Comparison:
    """Both sides, condition by condition. Runs of different cache states never meet.

    Raises:
        Incomparable: if no condition is on both sides, or a run is void.
    """
    refuse_void((*before, *after))
    first, second = by_condition(before), by_condition(after)
    shared = [condition for condition in first if condition in second]
    if not shared:
        raise Incomparable(_no_condition(list(first), list(second)))
    return Comparison(
        sections=tuple(_section(c, first[c], second[c], quantities) for c in shared),
        only_before=tuple(condition for condition in first if condition not in second),
        only_after=tuple(condition for condition in second if condition not in first),
    )


def refuse_void(runs: Sequence[RunResult]) -> None:
    """Raises Incomparable if the figures of one of the runs must not be used."""
    for run in runs:
        if run.void_reason is not None:
            raise Incomparable(f"run {run.id} is void ({run.void_reason}); measure it again")


def refuse_unanswered(runs: Sequence[RunResult]) -> None:
    """Raises Incomparable if one of the runs, to compare others with, measured nothing."""
    for run in runs:
        if not run.is_answered:
            raise Incomparable(
                f"run {run.id} got no answer ({told_errors(run)}), so it measured nothing; "
                "measure it again"
            )


def told_errors(run: RunResult) -> str:
    """Of which kinds how many requests failed."""
    return ", ".join(f"{kind}: {n}" for kind, n in run.n_errors.items()) or "no request was made"


def comparable(
    before: Sequence[RunResult], after: Sequence[RunResult], quantity: Quantity
) -> str | None:
    """Why the figure cannot be compared between those runs; None if it can."""
    if quantity.metric is Metric.ITL_MS and len({run.itl_kind for run in (*before, *after)}) > 1:
        return "itl_ms is between tokens on one side and between chunks on the other"
    return None


def verdict(found: Change, quantity: Quantity) -> Verdict:
    """What can be said of that change."""
    interval = interval_of(found.absolute_draws)
    if interval is None or found.p_value is None:
        return Verdict.TOO_FEW if found.before.value != found.after.value else Verdict.SAME
    if interval.low <= 0 <= interval.high or found.p_value >= SIGNIFICANCE:
        return Verdict.SAME
    return Verdict.BETTER if (interval.low > 0) == quantity.higher_is_better else Verdict.WORSE


def _section(
    condition: Condition,
    before: Sequence[RunResult],
    after: Sequence[RunResult],
    quantities: Sequence[Quantity],
) -> Section:
    rows, notes = [], _notes(before, after)
    for quantity in quantities:
        why_not = comparable(before, after, quantity)
        if why_not is not None:
            notes.append(why_not)
            continue
        found = change(before, after, quantity)
        if found is not None:
            rows.append(_row(quantity, found))
    if any(row.verdict is Verdict.TOO_FEW for row in rows):
        notes.append(TOO_FEW)
    return Section(
        condition=condition,
        n_runs_before=len(before),
        n_runs_after=len(after),
        rows=tuple(rows),
        answers=compare_answers(before, after),
        differences=differences(before, after),
        notes=tuple(dict.fromkeys(notes)),
    )


def _row(quantity: Quantity, found: Change) -> Row:
    low, high = found.interval() or (None, None)
    return Row(
        quantity=quantity,
        before=found.before,
        after=found.after,
        verdict=verdict(found, quantity),
        change=found.relative,
        change_low=low,
        change_high=high,
        p_value=found.p_value,
        run_noise=found.run_noise,
    )


def _notes(before: Sequence[RunResult], after: Sequence[RunResult]) -> list[str]:
    notes = [
        f"run {run.id} is partial: {run.partial_reason}"
        for run in (*before, *after)
        if run.partial_reason is not None
    ]
    if in_pairs(before, after) is not None:
        notes.append(IN_TURNS)
    elif len(before) == len(after) == 1:
        notes.append(SINGLE_RUNS)
    if any(run.histograms for run in (*before, *after)):
        notes.append("values that were only counted pass for independent: intervals are narrow")
    return notes


def _no_condition(before: Sequence[Condition], after: Sequence[Condition]) -> str:
    return (
        "no condition is on both sides; before: "
        + "; ".join(condition.name for condition in before)
        + " | after: "
        + "; ".join(condition.name for condition in after)
    )
