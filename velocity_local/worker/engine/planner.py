"""Which of the running sequences are in the next pass, and with how many tokens."""

from collections.abc import Sequence

from velocity_local.core.clock import Clock
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.passes import Passes
from velocity_local.worker.engine.scheduler import Demand, may_wait
from velocity_local.worker.engine.turns import Turns

Batch = list[tuple[LiveSequence, int]]


class Planner:
    """Adapters take turns; new streams may wait for the prompts that came with them."""

    def __init__(self, passes: Passes, clock: Clock) -> None:
        self._passes = passes
        self._clock = clock
        self._turns = Turns()
        # Those that decode were left out of the last pass: this one is theirs.
        self._owes_decoding = False

    def next_batch(self, running: Sequence[LiveSequence], n_cells: int) -> Batch:
        """What to compute next with so many cells in use, if there are cells for it.

        Nothing is changed by asking.
        """
        ready = self._ready(running)
        counts = zip(ready, self._counts(ready, n_cells), strict=True)
        return [(s, min(n, s.n_to_checkpoint)) for s, n in counts if n]

    def had(self, batch: Batch, running: Sequence[LiveSequence]) -> None:
        """That is computed next, of what is running."""
        if _decodes([s for s, _ in batch]):
            self._owes_decoding = False
        else:
            self._owes_decoding = _decodes(self._ready(running))
        self._turns.had(batch, self._now_ms())

    def _ready(self, running: Sequence[LiveSequence]) -> list[LiveSequence]:
        ready = self._turns.next_of([s for s in running if s.is_ready], self._now_ms())
        if self._owes_decoding and _decodes(ready):
            return [s for s in ready if s.n_pending == 1]
        return self._without_patient(ready)

    def _now_ms(self) -> float:
        return self._clock.monotonic_s() * 1000

    def _without_patient(self, ready: list[LiveSequence]) -> list[LiveSequence]:
        """`ready` without the new ones, if they may wait for the prompts that came with them."""
        decoding = [s for s in ready if s.n_pending == 1]
        if len(decoding) == len(ready) or not decoding or not all(s.is_new for s in decoding):
            return ready
        since_s = min(s.first_token_s or 0.0 for s in decoding)
        waited_ms = (self._clock.monotonic_s() - since_s) * 1000
        prompts = [s for s in ready if s.n_pending > 1]
        if not may_wait(waited_ms, self._passes.expected_ms([_demand(s) for s in prompts])):
            return ready
        return prompts

    def _counts(self, ready: list[LiveSequence], n_cells: int) -> list[int]:
        if all(s.n_pending == 1 for s in ready):
            return [1] * len(ready)
        return self._passes.plan([_demand(s) for s in ready], n_cells)


def _decodes(sequences: Sequence[LiveSequence]) -> bool:
    return any(s.n_pending == 1 for s in sequences)


def _demand(sequence: LiveSequence) -> Demand:
    return Demand(sequence.n_pending, sequence.n_computed, sequence.rank)
