"""Looks for good settings by Bayesian optimisation, and confirms the best on other prompts.

The sampler is Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms for
Hyper-Parameter Optimization", NeurIPS 2011). The best of many noisy trials looks better than it is
(the winner's curse), so what was gained is told only from runs made afterwards: with prompts that
the search has not seen, the daemon's own settings and the best in turns.
"""

from collections.abc import Callable, Container, Sequence
from random import Random
from typing import TYPE_CHECKING, Protocol

import msgspec

from velocity_local.lens.compare import Section, compare
from velocity_local.lens.optimize.goals import Goal, score
from velocity_local.lens.optimize.knobs import Chosen, Knob, Value, n_settings
from velocity_local.lens.results import RunResult

if TYPE_CHECKING:
    from optuna import Study

MOST_ERRORS = 0.01


class Unusable(Exception):
    """Settings that nothing can be measured with; the message says why."""


class OptunaMissing(Exception):
    """The extra `optimize` is not installed."""


class Measure(Protocol):
    """Runs the workload on a daemon with those settings; other seeds are other prompts."""

    def __call__(self, chosen: Chosen, *, seed: int) -> RunResult:
        """Raises Unusable if the daemon does not take the settings, or answers nothing."""
        ...


class Trial(msgspec.Struct, frozen=True):
    """What was tried. `score` is None where `why_not` says what ruled it out."""

    chosen: dict[str, Value]
    score: float | None = None
    why_not: str | None = None


class Search(msgspec.Struct, frozen=True):
    """All trials in their order, and the best; None if none was better than the reference."""

    trials: tuple[Trial, ...]
    best: Trial | None


def search(
    measure: Measure,
    knobs: Sequence[Knob],
    goal: Goal,
    *,
    n_trials: int,
    seed: int = 0,
    on_trial: Callable[[Trial], None] = lambda _: None,
) -> Search:
    """Try `n_trials` settings, or all if there are no more, against the daemon's own.

    Raises:
        OptunaMissing: if the extra is not installed.
        Unusable: if the daemon's own settings cannot be measured.
    """
    study = _study(seed)
    reference = measure({}, seed=seed)
    why_not = ruled_out(reference)
    if why_not is not None:
        raise Unusable(f"with its own settings: {why_not}")
    trials: dict[str, Trial] = {}
    chance = Random(seed)  # noqa: S311 - a search, no secret
    while len(trials) < min(n_trials, n_settings(knobs)):
        number, chosen = _suggested(study, knobs)
        if repr(chosen) in trials:
            _tell(study, number, trials[repr(chosen)])
            study.enqueue_trial(_untried(knobs, trials, chance))
            continue
        tried = trials[repr(chosen)] = _tried(measure, chosen, goal, reference, seed)
        on_trial(tried)
        _tell(study, number, tried)
    good = [trial for trial in trials.values() if trial.score is not None and trial.score < 0]
    best = min(good, key=lambda trial: trial.score or 0.0, default=None)
    return Search(tuple(trials.values()), best)


def confirm(
    measure: Measure, best: Chosen, goal: Goal, *, n_runs: int, seed: int
) -> tuple[Section, tuple[RunResult, ...], tuple[RunResult, ...]]:
    """The daemon's own settings against the best, `n_runs` each, on prompts of that `seed`.

    They take turns, each pair in the other order than the last, so that a machine that grows
    slower does not favour one side.

    Raises:
        Unusable: if one of the runs cannot be used.
    """
    own: list[RunResult] = []
    tuned: list[RunResult] = []
    for number in range(n_runs):
        pair: list[tuple[list[RunResult], Chosen]] = [(own, {}), (tuned, best)]
        for side, chosen in pair if number % 2 == 0 else reversed(pair):
            run = measure(chosen, seed=seed + number)
            why_not = ruled_out(run)
            if why_not is not None:
                raise Unusable(f"in the confirmation: {why_not}")
            side.append(run)
    (section,) = compare(own, tuned, quantities=goal.quantities).sections
    return section, tuple(own), tuple(tuned)


def ruled_out(run: RunResult) -> str | None:
    """Why the run's figures do not count; None if they do."""
    if run.void_reason is not None:
        return f"the run is void: {run.void_reason}"
    if run.partial_reason is not None:
        return f"the run is partial: {run.partial_reason}"
    if sum(run.n_errors.values()) > MOST_ERRORS * run.n_requests:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(run.n_errors.items()))
        return f"requests failed: {kinds}"
    if run.n_wrong:
        return f"{run.n_wrong} answers failed their check"
    return None


def _tried(
    measure: Measure, chosen: dict[str, Value], goal: Goal, reference: RunResult, seed: int
) -> Trial:
    try:
        run = measure(chosen, seed=seed)
    except Unusable as error:
        return Trial(chosen, why_not=str(error))
    why_not = ruled_out(run)
    if why_not is not None:
        return Trial(chosen, why_not=why_not)
    found = score(goal, run, reference)
    return Trial(chosen, found, None if found is not None else "a figure of the goal is missing")


def _study(seed: int) -> "Study":
    try:
        import optuna  # noqa: PLC0415 - an extra, and a second of imports
    except ImportError as error:
        raise OptunaMissing(
            "optimising needs the extra: pip install 'velocity-local[optimize]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8))


def _suggested(study: "Study", knobs: Sequence[Knob]) -> tuple[int, dict[str, Value]]:
    trial = study.ask()
    places = {
        knob.setting: trial.suggest_categorical(knob.setting, tuple(range(len(knob.choices))))
        for knob in knobs
    }
    return trial.number, {knob.setting: knob.choices[places[knob.setting]] for knob in knobs}


def _untried(knobs: Sequence[Knob], trials: Container[str], chance: Random) -> dict[str, int]:
    """Places of values that were not tried together; the caller knows that there are some."""
    while True:
        places = {knob.setting: chance.randrange(len(knob.choices)) for knob in knobs}
        chosen = {knob.setting: knob.choices[places[knob.setting]] for knob in knobs}
        if repr(chosen) not in trials:
            return places


def _tell(study: "Study", number: int, trial: Trial) -> None:
    from optuna.trial import TrialState  # noqa: PLC0415 - as in `_study`

    if trial.score is None:
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, trial.score)
