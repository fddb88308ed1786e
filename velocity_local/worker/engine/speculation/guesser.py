"""What guesses by computing: a small model, or a large model's own heads."""

from collections.abc import Sequence

from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import Backend, Sampled, SampleRow

_GREEDY = SamplingParams(temperature=0)


class DraftModel:
    """A small model's backend as a `Guesser`, which nobody else uses."""

    keeps_guesses = True

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.n_batch = backend.capabilities.n_batch
        self.n_ctx = backend.capabilities.n_ctx
        self.length = backend.length
        self.truncate = backend.truncate
        self.clear = backend.clear
        self.read = backend.forward

    def earliest(self, sequence: int) -> int | None:  # noqa: ARG002 - the port's
        return 0

    def guess(self, texts: Sequence[Sequence[int]]) -> list[int]:
        samplers = [self._backend.sampler(_GREEDY, text) for text in texts]
        try:
            rows = [SampleRow(i, sampler, None) for i, sampler in enumerate(samplers)]
            outcomes = self._backend.sample(rows)
        finally:
            for sampler in samplers:
                sampler.close()
        return [outcome.token for outcome in outcomes if isinstance(outcome, Sampled)]
