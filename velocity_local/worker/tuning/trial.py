"""One way to load a model, measured: a prompt, then single steps at its end. Knows no vendor.

Every figure is of the engine's own port, so what Python adds is in it.
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.core.tuning import Figures
from velocity_local.worker.engine.backend import (
    Backend,
    BackendError,
    Forward,
    Sampled,
    SampleRow,
    Span,
)

_GREEDY = SamplingParams(temperature=0, ignore_eos=True)
_TOKEN = 5


class Bench(Protocol):
    """A model whose weights are there once, however often it is opened."""

    def open(self, options: LoadOptions) -> Backend:
        """A backend that is to be closed before the next one is opened.

        Raises:
            BackendError: if the engine refuses these options.
        """
        ...

    def close(self) -> None: ...


class Workload(NamedTuple):
    """What is computed in a trial. `n_steps` of each kind, of which the median counts."""

    n_prompt: int
    n_streams: int
    n_steps: int

    @property
    def n_cells(self) -> int:
        """Room for the prompt and for what the streams add to it."""
        return self.n_prompt + self.n_streams * (self.n_steps + 1) + 64


def measure(bench: Bench, options: LoadOptions, workload: Workload, clock: Clock) -> Figures:
    """Open the model with `options`, and compute the workload once.

    Raises:
        BackendError: if the engine refuses, or cannot compute.
    """
    backend = bench.open(sized(options, workload))
    try:
        return _Trial(backend, workload, clock).run()
    finally:
        backend.close()


def sized(options: LoadOptions, workload: Workload) -> LoadOptions:
    """The same with a cache for the workload alone."""
    n_seq_max = workload.n_streams + 2
    return msgspec.structs.replace(options, n_ctx=workload.n_cells, n_seq_max=n_seq_max)


class _Trial:
    """One backend at work. Sequence 0 holds the prompt, which others begin with as well."""

    def __init__(self, backend: Backend, workload: Workload, clock: Clock) -> None:
        self._backend = backend
        self._workload = workload
        self._clock = clock

    def run(self) -> Figures:
        n_prompt, n_streams = self._workload.n_prompt, self._workload.n_streams
        self._prefill()  # touches all weights and buffers
        self._backend.clear(0)
        prefill_ms = self._prefill()
        decode_ms, streams_ms = self._steps(1), self._steps(n_streams)
        return Figures(n_prompt, n_streams, prefill_ms, decode_ms, streams_ms)

    def _prefill(self) -> float:
        """Compute the prompt in passes as large as they may be; the time of all of them."""
        n_prompt, n_batch = self._workload.n_prompt, self._backend.capabilities.n_batch
        started_s = self._clock.monotonic_s()
        for at in range(0, n_prompt, n_batch):
            tokens = [_TOKEN] * min(n_batch, n_prompt - at)
            self._forward([Span(0, at, tokens, wants_logits=at + n_batch >= n_prompt)])
        return self._since_ms(started_s)

    def _steps(self, n_streams: int) -> float:
        """The median time of a step in which each of so many streams says one token."""
        prompt = [_TOKEN] * self._workload.n_prompt
        streams = [_Stream(self._backend, prompt, slot) for slot in range(1, n_streams + 1)]
        times_ms = [self._step(streams) for _ in range(self._workload.n_steps)]
        for stream in streams:
            stream.sampler.close()
            self._backend.clear(stream.slot)
        return statistics.median(times_ms)

    def _step(self, streams: Sequence["_Stream"]) -> float:
        started_s = self._clock.monotonic_s()
        self._forward([stream.span() for stream in streams])
        rows = [SampleRow(i, stream.sampler, None) for i, stream in enumerate(streams)]
        for stream, sampled in zip(streams, self._backend.sample(rows), strict=True):
            assert isinstance(sampled, Sampled), "there is no constraint to fail"
            stream.append(sampled.token)
        return self._since_ms(started_s)

    def _forward(self, spans: Sequence[Span]) -> None:
        outcome = self._backend.forward(spans)
        if outcome is not Forward.DONE:
            raise BackendError(f"a pass of the measurement was {outcome.value}")

    def _since_ms(self, started_s: float) -> float:
        return (self._clock.monotonic_s() - started_s) * 1000


class _Stream:
    """A sequence that begins like sequence 0, and says one token after another."""

    def __init__(self, backend: Backend, prompt: Sequence[int], slot: int) -> None:
        self.slot = slot
        self.sampler = backend.sampler(_GREEDY, prompt)
        self.sampler.accept(_TOKEN)
        self._length, self._last = len(prompt), _TOKEN
        backend.copy(0, slot, len(prompt))

    def span(self) -> Span:
        return Span(self.slot, self._length, [self._last], wants_logits=True)

    def append(self, token: int) -> None:
        self._length += 1
        self._last = token
