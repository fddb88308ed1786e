"""Finds better load options one after another: the best threads, with them the best batch, ...

Which option helps depends little on the order, and a full grid would take an hour.
"""

from collections.abc import Callable, Sequence

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.models import LoadOptions
from velocity_local.core.tuning import (
    Figures,
    TunedValues,
    TuneKey,
    TunePlan,
    TuneResult,
    TuneStatus,
    TuneStep,
    Value,
)
from velocity_local.worker.engine.backend import BackendError
from velocity_local.worker.tuning.candidates import Machine, candidates, current_value
from velocity_local.worker.tuning.guessing import pass_costs, verdicts
from velocity_local.worker.tuning.trial import Bench, Workload, measure
from velocity_local.worker.tuning.verdict import (
    MIN_ROUNDS,
    is_better,
    is_hopeless,
    median_cost,
    objection,
    typical_figures,
)

MAX_ROUNDS = 7
N_STREAMS = 4
MIN_STEPS, MAX_STEPS = 3, 12
# A trial should take about this long: long enough to be measured, short enough for many, of which
# so many should fit into the budget.
TRIAL_S = 1.5
N_TRIALS = 60
MIN_PROMPT, MAX_PROMPT = 64, 2048
_TILE = 64
_PILOT = Workload(MIN_PROMPT, N_STREAMS, MIN_STEPS)

Report = Callable[[TuneStatus], None]


class _Way:
    """One value under test, with its trial of each round."""

    def __init__(self, value: Value, options: LoadOptions, *, is_reference: bool = False) -> None:
        self.value = value
        self.is_reference = is_reference
        self.options = options
        self.trials: list[Figures] = []
        self.problem: str | None = None
        self.is_out = False


class Search:
    """One measurement of one model. `report` is told before each trial."""

    def __init__(
        self, bench: Bench, plan: TunePlan, machine: Machine, *, clock: Clock, report: Report
    ) -> None:
        self._bench = bench
        self._plan = plan
        self._machine = machine
        self._clock = clock
        self._report = report
        self._started_s = clock.monotonic_s()
        self._steps: list[TuneStep] = []
        self._unmeasured: list[TuneKey] = []
        self._workload = _PILOT
        self._trial_s = 0.0

    def run(self) -> TuneResult:
        """Measure all of it.

        Raises:
            BackendError: if the engine cannot run the model as it is.
        """
        self._size_workload()
        best = self._plan.options
        keys = [key for key in self._plan.keys if key != "speculation"]
        for number, key in enumerate(keys):
            best = self._decided(key, best, share=1 / (len(keys) - number + 1))
        cost = self._final_cost(best)
        if cost >= 1:  # gains that do not add up are none
            best, cost = self._plan.options, 1.0
        pass_ms = self._pass_ms(best) if "speculation" in self._plan.keys else ()
        return TuneResult(
            values=_values(self._plan, best, pass_ms),
            steps=tuple(self._steps),
            cost=cost,
            seconds=self._spent_s,
            unmeasured=tuple(self._unmeasured),
        )

    @property
    def _spent_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s

    def _size_workload(self) -> None:
        """A prompt and a number of steps for which a trial takes as long as it should."""
        self._tell("how fast this machine is")
        figures = measure(self._bench, self._plan.options, _PILOT, self._clock)
        token_ms = 2 * figures.prefill_ms / figures.n_prompt  # every prompt is computed twice
        step_ms = figures.decode_ms + figures.streams_ms
        half_ms = min(TRIAL_S, self._plan.budget_s / N_TRIALS) * 500
        n_prompt = _affordable(half_ms, token_ms, MIN_PROMPT, MAX_PROMPT) // _TILE * _TILE
        n_steps = _affordable(half_ms, step_ms, MIN_STEPS, MAX_STEPS)
        self._workload = Workload(n_prompt, N_STREAMS, n_steps)
        self._trial_s = (n_prompt * token_ms + n_steps * step_ms) / 1000

    def _decided(self, key: TuneKey, best: LoadOptions, *, share: float) -> LoadOptions:
        """`best`, with a better value of this option if one is found in a share of the time."""
        values = candidates(key, best, self._machine, self._workload.n_prompt)
        current = current_value(key, best, self._machine)
        reference = _Way(current, best, is_reference=True)
        ways = [_Way(value, _with(best, key, value)) for value in values]
        left_s = self._plan.budget_s - self._spent_s
        if not ways or left_s < MIN_ROUNDS * (len(ways) + 1) * self._trial_s:
            self._unmeasured += [key] if ways else []
            return best
        self._play(key, reference, ways, until_s=self._spent_s + left_s * share)
        self._steps += [_step(key, way, reference) for way in ways]
        return _winner(reference, ways).options

    def _play(self, key: TuneKey, reference: _Way, ways: list[_Way], *, until_s: float) -> None:
        """Rounds in turns, every other one backwards, until time or rounds are up."""
        for number in range(MAX_ROUNDS):
            running = [reference, *(way for way in ways if not way.is_out)]
            round_s = len(running) * self._trial_s
            if len(running) == 1 or (number >= MIN_ROUNDS and self._spent_s + round_s > until_s):
                return
            for way in running if number % 2 == 0 else reversed(running):
                self._try(key, way, number)
            for way in running[1:]:
                way.is_out = way.is_out or is_hopeless(way.trials, reference.trials)

    def _try(self, key: TuneKey, way: _Way, number: int) -> None:
        self._tell(f"{key} {_shown(way.value)}, round {number + 1}")
        started_s = self._clock.monotonic_s()
        try:
            way.trials.append(measure(self._bench, way.options, self._workload, self._clock))
        except BackendError as error:
            if way.is_reference:
                raise
            way.problem, way.is_out = str(error), True
        self._trial_s = max(self._clock.monotonic_s() - started_s, self._trial_s / 2)

    def _final_cost(self, best: LoadOptions) -> float:
        """What all of it gives together, measured anew."""
        if best == self._plan.options:
            return 1.0
        before, after = _Way(None, self._plan.options), _Way(None, best)
        for number in range(MIN_ROUNDS):
            for way in (before, after) if number % 2 == 0 else (after, before):
                self._tell(f"what it gives together, round {number + 1}")
                way.trials.append(measure(self._bench, way.options, self._workload, self._clock))
        return median_cost(after.trials, before.trials)

    def _pass_ms(self, best: LoadOptions) -> tuple[tuple[int, float], ...]:
        """What checking guesses costs with all that was found."""
        self._tell("what guessing costs")
        costs = pass_costs(self._bench, best, self._workload, self._clock)
        self._steps += verdicts(costs)
        return costs

    def _tell(self, doing: str) -> None:
        share = min(self._spent_s / self._plan.budget_s, 0.99)
        self._report(TuneStatus(doing, share, tuple(self._steps)))


def _affordable(time_ms: float, each_ms: float, least: int, most: int) -> int:
    return most if each_ms <= 0 else int(max(least, min(most, time_ms / each_ms)))


def _with(options: LoadOptions, key: TuneKey, value: Value) -> LoadOptions:
    return msgspec.structs.replace(options, **{key: value})


def _winner(reference: _Way, ways: Sequence[_Way]) -> _Way:
    better = [way for way in ways if _beats(way, reference)]
    return min(better, key=lambda way: _cost(way, reference), default=reference)


def _beats(way: _Way, reference: _Way) -> bool:
    return not way.is_out and is_better(way.trials, _rounds_of(way, reference))


def _cost(way: _Way, reference: _Way) -> float:
    return median_cost(way.trials, _rounds_of(way, reference))


def _rounds_of(way: _Way, reference: _Way) -> list[Figures]:
    """The reference's trials of the rounds in which the way took part."""
    return reference.trials[: len(way.trials)]


def _step(key: TuneKey, way: _Way, reference: _Way) -> TuneStep:
    has_trials = bool(way.trials)
    return TuneStep(
        key=key,
        value=way.value,
        against=reference.value,
        cost=_cost(way, reference) if has_trials else None,
        rounds=len(way.trials),
        is_better=_beats(way, reference) if has_trials else False,
        figures=typical_figures(way.trials) if has_trials else None,
        problem=way.problem,
        objection=objection(way.trials, _rounds_of(way, reference)) if has_trials else None,
    )


def _values(
    plan: TunePlan, best: LoadOptions, pass_ms: tuple[tuple[int, float], ...]
) -> TunedValues:
    changed = {
        key: getattr(best, key)
        for key in plan.keys
        if getattr(best, key) != getattr(plan.options, key)
    }
    return TunedValues(**changed, pass_ms=pass_ms)


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "automatic" if value is None else str(value)
