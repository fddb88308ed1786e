"""The floor: a bare loop over llama.cpp's decode and native sampler chains, without any server.

    python -m benchmarks.bare_loop --streams 1 4 16

With `--serve` it reads one JSON job a line and answers each with one JSON line, so that a
comparison can alternate it with servers without loading the model again.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import msgspec

from benchmarks.gguf_random import add_model_arguments, model_from
from benchmarks.native import Batch, NativeModel, cell_count, free_chain
from benchmarks.prompts import fresh_seed, prompt_of
from benchmarks.sampling import Sampling, add_sampling_arguments, sampling_from

MAX_STREAMS = 64


class Job(msgspec.Struct, frozen=True):
    """Prompts that start together, as users wrote them."""

    prompts: list[str]
    max_tokens: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the loop. `prefill_s` ends when every stream has its first token."""

    streams: int
    prompt_tokens: int
    completion_tokens: int
    prefill_s: float
    decode_s: float

    @property
    def prefill_tokens_per_s(self) -> float:
        return self.prompt_tokens / self.prefill_s

    @property
    def decode_tokens_per_s(self) -> float:
        """Of the tokens after each stream's first."""
        return (self.completion_tokens - self.streams) / self.decode_s if self.decode_s else 0.0

    @property
    def total_tokens_per_s(self) -> float:
        """Of all tokens, the prefill's time included: what a client of a server sees."""
        return self.completion_tokens / (self.prefill_s + self.decode_s)


class BareLoop:
    """Runs jobs one after the other on one model."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._batch = Batch()
        self._end_tokens = model.end_tokens()

    def run(self, job: Job) -> Measured:
        """Time begins at the first decode: templates, tokens and chains are ready by then."""
        prompts = [self._model.tokenize(chat_text(prompt)) for prompt in job.prompts]
        chains = [self._model.chain(job.sampling, self._end_tokens) for _ in prompts]
        self._model.clear()
        start = perf_counter()
        tokens = self._prefill(prompts, chains)
        prefilled = perf_counter()
        self._decode(tokens, [len(prompt) for prompt in prompts], chains, steps=job.max_tokens - 1)
        end = perf_counter()
        for chain in chains:
            free_chain(chain)
        return Measured(
            streams=len(prompts),
            prompt_tokens=sum(map(len, prompts)),
            completion_tokens=len(prompts) * job.max_tokens,
            prefill_s=prefilled - start,
            decode_s=end - prefilled,
        )

    def _prefill(self, prompts: list[list[int]], chains: list[Any]) -> list[int]:
        """The first token of each stream, prompts packed into full batches in their order."""
        first = [0] * len(prompts)
        ends: list[tuple[int, int]] = []
        self._batch.clear()
        for stream, position, token, is_last in _rows(prompts):
            if self._batch.is_full:
                self._flush(ends, chains, first)
            row = self._batch.add(token, position, stream, wants_logits=is_last)
            if is_last:
                ends.append((stream, row))
        self._flush(ends, chains, first)
        return first

    def _flush(self, ends: list[tuple[int, int]], chains: list[Any], first: list[int]) -> None:
        self._model.decode(self._batch)
        for stream, row in ends:
            first[stream] = self._model.sample(chains[stream], row)
        ends.clear()
        self._batch.clear()

    def _decode(
        self, tokens: list[int], positions: list[int], chains: list[Any], *, steps: int
    ) -> None:
        model, batch = self._model, self._batch
        batch.clear()
        for stream, token in enumerate(tokens):
            batch.add(token, positions[stream], stream, wants_logits=True)
        native = batch.native
        for _ in range(steps):
            model.decode(batch)
            for stream, chain in enumerate(chains):
                native.token[stream] = model.sample(chain, stream)
                native.pos[stream] += 1


def chat_text(prompt: str) -> str:
    """One user turn in ChatML, as the random model's template writes it."""
    return f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"


def _rows(prompts: list[list[int]]) -> Iterator[tuple[int, int, int, bool]]:
    for stream, prompt in enumerate(prompts):
        last = len(prompt) - 1
        for position, token in enumerate(prompt):
            yield stream, position, token, position == last


def serve(loop: BareLoop) -> None:
    """One job a line until standard input ends."""
    decoder = msgspec.json.Decoder(Job)
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(msgspec.json.encode(loop.run(decoder.decode(line))) + b"\n")
        sys.stdout.buffer.flush()


def report(loop: BareLoop, arguments: argparse.Namespace) -> None:
    """Prints the medians for each number of streams."""
    for streams in arguments.streams:
        runs = [loop.run(_job(arguments, streams)) for _ in range(arguments.repeats + 1)][1:]
        if arguments.json:
            print(msgspec.json.encode([asdict(run) for run in runs]).decode())
            continue
        print(
            f"{streams:3} streams  {runs[0].prompt_tokens} prompt tokens"
            f"  prefill {median(run.prefill_tokens_per_s for run in runs):7.1f} tok/s"
            f" ({median(run.prefill_s for run in runs) * 1e3:.1f} ms)"
            f"  decode {median(run.decode_tokens_per_s for run in runs):6.1f} tok/s"
            f"  in all {median(run.total_tokens_per_s for run in runs):6.1f} tok/s"
        )


def _job(arguments: argparse.Namespace, streams: int) -> Job:
    first_seed = fresh_seed()
    prompts = [prompt_of(arguments.words, seed=first_seed + stream) for stream in range(streams)]
    return Job(prompts, arguments.max_tokens, sampling_from(arguments))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.bare_loop", description=__doc__)
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--model", type=Path, help="a GGUF file instead of the random model")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cells", type=int, default=8192, help="size of the KV cache in tokens")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--words", type=int, default=100, help="length of each prompt")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5, help="after one that is not counted")
    parser.add_argument("--json", action="store_true", help="every run, one list per stream count")
    parser.add_argument("--serve", action="store_true", help="take jobs from standard input")
    arguments = parser.parse_args()
    path = arguments.model or model_from(arguments)
    with NativeModel(
        path,
        n_threads=arguments.threads,
        n_sequences=MAX_STREAMS,
        n_ctx=cell_count(arguments.cells),
    ) as model:
        loop = BareLoop(model)
        serve(loop) if arguments.serve else report(loop, arguments)


if __name__ == "__main__":
    main()
