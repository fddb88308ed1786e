"""Holds runs to rules against a baseline, and does not cry wolf.

A change fails its rule only if three things agree: the figure is worse by more than the rule
allows, the one-sided lower bound of that (95 %) is too, and the permutation test does not take it
for chance. A limit is held against the figure as measured. A run that got no answer at all fails
whatever the rules are.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from velocity_local.lens.answers import AnswerCheck, compare_answers
from velocity_local.lens.changes import Change, Estimate, change, estimate
from velocity_local.lens.compare import (
    IN_TURNS,
    SIGNIFICANCE,
    SINGLE_RUNS,
    Incomparable,
    comparable,
    refuse_unanswered,
    refuse_void,
    told_errors,
)
from velocity_local.lens.conditions import Condition, Difference, by_condition, differences
from velocity_local.lens.paired import in_pairs
from velocity_local.lens.percentiles import percentile
from velocity_local.lens.quantities import Quantity
from velocity_local.lens.results import RunResult
from velocity_local.lens.rules import DEFAULT, Rule, RuleKind

_WHERE = ("machine.", "client.")


class Outcome(StrEnum):
    """What became of a rule. UNDECIDED: too few values; ABSENT: nobody measured it."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    ABSENT = "absent"


class Check(msgspec.Struct, frozen=True):
    """One rule under one condition, and in words why it came out so.

    `worse` is how much worse than the baseline the figure is (a share for relative rules),
    `worse_at_least` its lower bound.
    """

    rule: str
    condition: str
    outcome: Outcome
    message: str
    before: Estimate | None = None
    after: Estimate | None = None
    worse: float | None = None
    worse_at_least: float | None = None
    p_value: float | None = None
    run_noise: float | None = None


class Gate(msgspec.Struct, frozen=True):
    """The outcome of all rules. `is_passed` is what the exit code says."""

    is_passed: bool
    checks: tuple[Check, ...]
    answers: AnswerCheck
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def judge(
    after: Sequence[RunResult],
    before: Sequence[RunResult] = (),
    *,
    rules: Sequence[Rule] = DEFAULT,
    is_strict: bool = False,
) -> Gate:
    """Every rule under every condition that `after` was measured in.

    `is_strict` also fails what is undecided or absent, conditions without a baseline, and runs
    that were made on another machine. Facts of the server may differ: it is what is gated.

    Raises:
        Incomparable: if nothing could be decided at all, a run is void, or one of the baseline
            got no answer.
    """
    refuse_void((*before, *after))
    refuse_unanswered(before)
    baseline = by_condition(before)
    checks: list[Check] = []
    notes = [
        f"run {run.id} is partial: {run.partial_reason}" for run in after if run.partial_reason
    ]
    for condition, runs in by_condition(after).items():
        known = baseline.get(condition, ())
        checks += _unanswered(condition, runs)
        checks += [_check(rule, condition, known, runs) for rule in rules]
        if in_pairs(known, runs) is not None:
            notes.append(IN_TURNS)
        elif len(known) == len(runs) == 1:
            notes.append(SINGLE_RUNS)
        if before and not known:
            notes.append(f"the baseline has no run with: {condition.name}")
    answers = compare_answers(before, after)
    differing = differences(before, after) if before else ()
    if not any(check.outcome in {Outcome.PASSED, Outcome.FAILED} for check in checks):
        raise Incomparable(_nothing(checks, notes))
    failed = any(check.outcome is Outcome.FAILED for check in checks) or bool(answers.changed)
    if is_strict:
        failed = failed or _is_doubtful(checks, differing)
    return Gate(
        is_passed=not failed,
        checks=tuple(check for check in checks if check.outcome is not Outcome.ABSENT or is_strict),
        answers=answers,
        differences=differing,
        notes=tuple(dict.fromkeys(notes)),
    )


def _unanswered(condition: Condition, runs: Sequence[RunResult]) -> list[Check]:
    return [
        Check(
            "requests are answered",
            condition.name,
            Outcome.FAILED,
            f"run {run.id} got no answer ({told_errors(run)})",
        )
        for run in runs
        if not run.is_answered
    ]


def _check(
    rule: Rule, condition: Condition, before: Sequence[RunResult], after: Sequence[RunResult]
) -> Check:
    if rule.kind is RuleKind.LIMIT:
        return _limit(rule, condition, after)
    why_not = comparable(before, after, rule.quantity)
    if why_not is not None:
        return Check(rule.text, condition.name, Outcome.UNDECIDED, why_not)
    found = change(before, after, rule.quantity)
    if found is None:
        return Check(rule.text, condition.name, Outcome.ABSENT, "not measured on both sides")
    return _change(rule, condition, found)


def _limit(rule: Rule, condition: Condition, after: Sequence[RunResult]) -> Check:
    found = estimate(after, rule.quantity)
    if found is None:
        return Check(rule.text, condition.name, Outcome.ABSENT, "not measured")
    over = _worse(rule.quantity, found.value - rule.bound)
    outcome = Outcome.FAILED if over > 0 else Outcome.PASSED
    message = f"{found.value:.4g}{_range(found)}, limit {rule.bound:g}"
    return Check(rule.text, condition.name, outcome, message, after=found)


def _change(rule: Rule, condition: Condition, found: Change) -> Check:
    is_relative = rule.kind is RuleKind.RELATIVE
    drawn = found.draws if is_relative else found.absolute_draws
    seen = found.relative if is_relative else found.after.value - found.before.value
    worse = None if seen is None else _worse(rule.quantity, seen)
    at_least = _lower_bound([_worse(rule.quantity, one) for one in drawn])
    outcome = _outcome(rule, worse, at_least, found.p_value)
    return Check(
        rule=rule.text,
        condition=condition.name,
        outcome=outcome,
        message=_words(outcome, is_relative, worse, at_least, found),
        before=found.before,
        after=found.after,
        worse=worse,
        worse_at_least=at_least,
        p_value=found.p_value,
        run_noise=found.run_noise,
    )


def _outcome(
    rule: Rule, worse: float | None, at_least: float | None, p_value: float | None
) -> Outcome:
    if worse is not None and worse <= rule.bound:
        return Outcome.PASSED
    if worse is None or at_least is None or p_value is None:
        return Outcome.UNDECIDED
    is_shown = at_least > rule.bound and p_value < SIGNIFICANCE
    return Outcome.FAILED if is_shown else Outcome.PASSED


def _lower_bound(worsenings: Sequence[float]) -> float | None:
    return percentile(sorted(worsenings), SIGNIFICANCE * 100) if worsenings else None


def _worse(quantity: Quantity, difference: float) -> float:
    return -difference if quantity.higher_is_better else difference


def _words(
    outcome: Outcome,
    is_relative: bool,  # noqa: FBT001 - private, and named where it is given
    worse: float | None,
    at_least: float | None,
    found: Change,
) -> str:
    values = f"{found.before.value:.4g} -> {found.after.value:.4g}"
    if outcome is Outcome.UNDECIDED:
        few = min(found.before.n, found.after.n)
        return f"{values}: {few} values are too few to tell a change from chance"
    if worse is None:
        return values
    if worse <= 0:
        return f"{values}, {_amount(-worse, is_relative)} better" if worse else values
    seen = f"{values}, {_amount(worse, is_relative)} worse"
    if at_least is None or found.p_value is None:
        return seen
    if at_least <= 0:
        return f"{seen}, which may be chance (p = {found.p_value:.2g})"
    return f"{seen}, at least {_amount(at_least, is_relative)} (p = {found.p_value:.2g})"


def _amount(value: float, is_relative: bool) -> str:  # noqa: FBT001 - as in `_words`
    return f"{value:.1%}" if is_relative else f"{value:.4g}"


def _range(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" ({found.low:.4g} to {found.high:.4g})"


def _is_doubtful(checks: Sequence[Check], differing: Sequence[Difference]) -> bool:
    doubtful = {Outcome.UNDECIDED, Outcome.ABSENT}
    elsewhere = any(one.name.startswith(_WHERE) for one in differing)
    return elsewhere or any(check.outcome in doubtful for check in checks)


def _nothing(checks: Sequence[Check], notes: Sequence[str]) -> str:
    reasons = dict.fromkeys([*notes, *(f"{check.rule}: {check.message}" for check in checks)])
    return "no rule could be decided: " + "; ".join(reasons)
