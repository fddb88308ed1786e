"""What Python adds to the forward passes of a worker, in microseconds per step and per token.

    python -m benchmarks.overhead

The worker's own parts run on the fake backend; the time spent inside the backend is taken out.
`engine` plans and ends, `text` turns tokens into deltas, `frames` encodes the step's report.
`--gguf FILE` puts them around real passes, where caches are cold and the figures higher.
The budget is 3 % of a step.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.machine import look
from velocity_local.core.clock import SystemClock
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.codec import encode
from velocity_local.wire.ipc.messages import Step
from velocity_local.worker.backends.registry import load
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.pipeline import ChoicePipeline, OutputPlan
from velocity_local.worker.engine.backend import Backend
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec, Token
from velocity_local.worker.streams import Choice, Outbox, Streams

WARM_STEPS = 8


class Stopwatch:
    """Adds up the time spent in the calls it was put around."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = perf_counter()
            result = call(*arguments)
            self.spent_s += perf_counter() - start
            return result

        return timed


@dataclass(frozen=True, slots=True)
class StepCost:
    """One decode step, in microseconds; the backend's share is not part of the others."""

    backend_us: float
    engine_us: float
    text_us: float
    frames_us: float

    @property
    def python_us(self) -> float:
        return self.engine_us + self.text_us + self.frames_us


class Rig:
    """A worker's engine, text and frames without its threads and pipes."""

    def __init__(self, backend: Backend) -> None:
        self._watch = Stopwatch()
        for method in ("forward", "sample"):
            setattr(backend, method, self._watch.around(getattr(backend, method)))
        self._pieces = PieceTable(backend.tokenizer.piece)
        self._engine = Engine(backend, clock=SystemClock())
        self._streams = Streams(self._engine, backend.tokenizer.is_end)

    def decode(self, *, rows: int, prompt_tokens: int) -> Iterator[StepCost]:
        """The cost of every step in which all `rows` sequences got a token; endless."""
        for row in range(rows):
            self._open(SequenceKey(row, 0), prompt_tokens)
        try:
            while True:
                cost, n_tokens = self._step()
                if n_tokens == rows:
                    yield cost
        finally:
            for row in range(rows):
                self._streams.drop(row)
                self._engine.cancel(row)

    def _open(self, key: SequenceKey, prompt_tokens: int) -> None:
        prompt = tuple(5 + (key.handle * 31 + i) % 200 for i in range(prompt_tokens))
        pipeline = ChoicePipeline(0, self._pieces, OutputPlan(call_id=str, splits_reasoning=True))
        self._streams.open(key, Choice(pipeline, None))
        sampling = SamplingParams(ignore_eos=True, seed=key.handle)
        self._engine.submit([SequenceSpec(key, prompt, sampling, max_tokens=1 << 20)])

    def _step(self) -> tuple[StepCost, int]:
        in_backend_s = self._watch.spent_s
        start = perf_counter()
        events = self._engine.step()
        stepped = perf_counter()
        outbox: Outbox = []
        for event in events:
            self._streams.on(event, outbox)
        written = perf_counter()
        encode(Step(tuple(outbox), self._engine.load()))
        framed = perf_counter()
        in_backend_s = self._watch.spent_s - in_backend_s
        cost = StepCost(
            backend_us=in_backend_s * 1e6,
            engine_us=(stepped - start - in_backend_s) * 1e6,
            text_us=(written - stepped) * 1e6,
            frames_us=(framed - written) * 1e6,
        )
        return cost, sum(isinstance(event, Token) for event in events)


def measure(backend: Backend, *, rows: int, steps: int, prompt_tokens: int) -> list[StepCost]:
    """The cost of `steps` decode steps, after some that are not counted."""
    costs = Rig(backend).decode(rows=rows, prompt_tokens=prompt_tokens)
    return [cost for cost, _ in zip(costs, range(WARM_STEPS + steps), strict=False)][WARM_STEPS:]


def _backend(arguments: argparse.Namespace, rows: int) -> Backend:
    n_ctx = max(4096, 256 + rows * 2 * (arguments.prompt_tokens + arguments.steps))
    if arguments.gguf is None:
        return load("fake", LoadOptions(n_ctx=n_ctx, backend="fake"))
    return load(str(arguments.gguf), LoadOptions(n_ctx=n_ctx))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--gguf", type=Path, help="around real passes of this model")
    arguments = parser.parse_args()
    print(look().line())
    for rows in arguments.rows:
        backend = _backend(arguments, rows)
        costs = measure(
            backend, rows=rows, steps=arguments.steps, prompt_tokens=arguments.prompt_tokens
        )
        backend.close()
        _print(rows, costs)


def _print(rows: int, costs: list[StepCost]) -> None:
    python = median(cost.python_us for cost in costs)
    whole = median(cost.python_us + cost.backend_us for cost in costs)
    print(
        f"{rows:3} rows  engine {median(cost.engine_us for cost in costs):6.1f}"
        f"  text {median(cost.text_us for cost in costs):6.1f}"
        f"  frames {median(cost.frames_us for cost in costs):6.1f}"
        f"  in all {python:6.1f} us/step, {python / rows:5.1f} us/token"
        f"  of a step of {whole / 1e3:.2f} ms"
    )


if __name__ == "__main__":
    main()
