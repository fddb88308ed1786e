"""Runs requests through the engine on a real or scripted backend."""

from collections.abc import Sequence

from velocity_local.core.clock import SystemClock
from velocity_local.core.models import Speculation
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import Backend, Sampled
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceKey,
    SequenceSpec,
    Token,
)


class Run:
    """An engine and what came out of it."""

    def __init__(
        self, backend: Backend, *, speculation: Speculation = "off", state_bytes: int = 0
    ) -> None:
        self.engine = Engine(
            backend, clock=SystemClock(), speculation=speculation, state_bytes=state_bytes
        )
        self.sampled: dict[SequenceKey, list[Sampled]] = {}
        self.begins: dict[SequenceKey, Prefilling] = {}
        self.ends: dict[SequenceKey, Ended | Broken] = {}

    def submit(self, *specs: SequenceSpec) -> None:
        for spec in specs:
            self.sampled[spec.key] = []
        self.engine.submit(specs)

    def step(self) -> None:
        for event in self.engine.step():
            match event:
                case Prefilling():
                    self.begins[event.key] = event
                case Token():
                    self.sampled[event.key].append(event.sampled)
                case Ended() | Broken():
                    self.ends[event.key] = event
        self.engine.check_integrity()

    def finish(self, *specs: SequenceSpec) -> list[list[int]]:
        """Submit, run until all is done, and give the tokens of each."""
        self.submit(*specs)
        while self.engine.has_work:
            self.step()
        return [self.tokens(spec.key) for spec in specs]

    def tokens(self, key: SequenceKey) -> list[int]:
        return [sampled.token for sampled in self.sampled[key]]


def ask(
    handle: int,
    prompt: Sequence[int],
    sampling: SamplingParams,
    *,
    choice: int = 0,
    max_tokens: int = 12,
    emitted: Sequence[int] = (),
    top_logprobs: int | None = None,
) -> SequenceSpec:
    key = SequenceKey(handle, choice)
    return SequenceSpec(key, tuple(prompt), sampling, max_tokens, top_logprobs, tuple(emitted))


def answer(backend: Backend, spec: SequenceSpec) -> list[int]:
    """The tokens of one request in an engine of its own; the backend is left empty."""
    (tokens,) = Run(backend).finish(spec)
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    return tokens
