"""What guessing would give on this machine: passes of more rows measured, and texts supposed."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.core.tuning import TuneStep
from velocity_local.worker.engine.backend import Backend, BackendError, Forward, SampleRow, Span
from velocity_local.worker.engine.speculation.choice import MIN_GAIN, PROBED_ROWS, best
from velocity_local.worker.engine.speculation.costs import PassCosts
from velocity_local.worker.tuning.trial import Bench, Workload, sized

ROUNDS = 5
_GREEDY = SamplingParams(temperature=0, ignore_eos=True)
_TOKEN = 5
_LONGEST = 31


class _Text(NamedTuple):
    """How likely the next token is the one that followed before, if those before it were."""

    name: str
    rate: float


COPIED, FREE = _Text("copied text", 0.95), _Text("free text", 0.3)


def pass_costs(
    bench: Bench, options: LoadOptions, workload: Workload, clock: Clock
) -> tuple[tuple[int, float], ...]:
    """Milliseconds of a pass by its rows, of one sequence at the end of a prompt; the median of
    rounds. Nothing if this model is never guessed for.

    Raises:
        BackendError: if the engine cannot compute.
    """
    backend = bench.open(sized(options, workload))
    try:
        most = min(backend.capabilities.most_guesses, backend.capabilities.n_logits - 1, _LONGEST)
        sizes = [n for n in (1, *PROBED_ROWS) if n <= most + 1]
        if not most:
            return ()
        sequence = _Sequence(backend, workload.n_prompt, clock)
        rounds = [[sequence.pass_ms(n) for n in sizes] for _ in range(ROUNDS + 1)][1:]
        return tuple(zip(sizes, map(statistics.median, zip(*rounds, strict=True)), strict=True))
    finally:
        backend.close()


def verdicts(costs: Sequence[tuple[int, float]]) -> tuple[TuneStep, ...]:
    """What is to be expected for texts of two kinds, as shares of the time without guesses."""
    return tuple(_verdict(text, costs) for text in (COPIED, FREE)) if costs else ()


def _verdict(text: _Text, costs: Sequence[tuple[int, float]]) -> TuneStep:
    known = PassCosts()
    known.know(costs)
    plan = best(
        [[text.rate**n for n in range(1, costs[-1][0])]],
        lambda n_rows: known.relative(n_rows, 1, 0),
        n_rows_max=costs[-1][0],
        longest=float("inf"),
        threshold=MIN_GAIN,
        probe_cost=0.0,
    )
    return TuneStep(
        key="speculation",
        value=text.name,
        against="off",
        cost=1.0 if plan is None else 1 / plan.value,
        rounds=ROUNDS,
        is_better=plan is not None,
        objection=None if plan else "guesses cost more than they give",
    )


class _Sequence:
    """One that has read a prompt, and is cut back to its end after each pass."""

    def __init__(self, backend: Backend, n_prompt: int, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._prompt = [_TOKEN] * n_prompt
        n_batch = backend.capabilities.n_batch
        for at in range(0, n_prompt, n_batch):
            self._forward(Span(0, at, self._prompt[at : at + n_batch], wants_logits=False))

    def pass_ms(self, n_rows: int) -> float:
        """One token and `n_rows` - 1 guesses, checked as the engine does."""
        sampler = self._backend.sampler(_GREEDY, [*self._prompt, _TOKEN])
        started_s = self._clock.monotonic_s()
        tokens = [_TOKEN] * n_rows
        at = len(self._prompt)
        self._forward(Span(0, at, tokens, wants_logits=True, n_drafted=n_rows - 1))
        self._backend.verify([SampleRow(0, sampler, None)])
        ms = (self._clock.monotonic_s() - started_s) * 1000
        sampler.close()
        if not self._backend.truncate(0, len(self._prompt)):
            raise BackendError("guesses could not be taken back")
        return ms

    def _forward(self, span: Span) -> None:
        outcome = self._backend.forward([span])
        if outcome is not Forward.DONE:
            raise BackendError(f"a pass of the measurement was {outcome.value}")
