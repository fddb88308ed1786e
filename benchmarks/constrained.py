"""What formats cost: masks, and tokens per second with a schema against without, in one run.

    python -m benchmarks.constrained --model PATH
    python -m benchmarks.constrained --calls 1000

The first compares an engine's speed with and without a JSON schema, rounds in turn, and takes the
time of compiling and of masks. The second forces tool calls out of random weights at temperature 1
and counts those that keep to their schema.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types

from tests.support.tiny_models import write_llama
from velocity_local.core.clock import SystemClock
from velocity_local.core.formats import JsonFormat, ToolUse
from velocity_local.core.messages import Message, Tool
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import ChatPrompt, GenerationRequest, TextPrompt
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp.model import LlamaCppBackend, load
from velocity_local.worker.chat.tools import hermes
from velocity_local.worker.constraining import Constraining, Situation
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import Broken, Ended, SequenceKey, SequenceSpec, Token

TOKENS = 64
ROUNDS = 5
LONG = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 40},
        "words": {"type": "array", "items": {"type": "string"}, "minItems": 200},
    },
    "required": ["title", "words"],
    "additionalProperties": False,
}
RECORDS = {
    "type": "array",
    "minItems": 40,
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 99999},
            "kind": {"enum": ["order", "refund", "exchange", "question"]},
            "price": {"type": "number"},
            "paid": {"type": "boolean"},
            "email": {"type": "string", "pattern": "^[a-z]{3,8}@[a-z]{3,8}[.](com|org)$"},
            "lines": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 3},
        },
        "required": ["id", "kind", "price", "paid", "email", "lines"],
        "additionalProperties": False,
    },
}
SCHEMAS = {"long strings": LONG, "records": RECORDS}
WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 12},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "units": {"enum": ["metric", "imperial"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2},
    },
    "required": ["city", "days", "units"],
    "additionalProperties": False,
}
NOTE = {
    "type": "object",
    "properties": {"on": {"type": "boolean"}, "level": {"type": "integer", "maximum": 99}},
    "required": ["on"],
    "additionalProperties": False,
}
TOOLS = (
    Tool("get_weather", "Tells the weather.", WEATHER, strict=True),
    Tool("note", "Keeps a note.", NOTE, strict=True),
)


def properties(count: int, seed: int) -> dict[str, Any]:
    """A schema that no other seed gives."""
    kinds = ("string", "integer", "boolean", "number")
    names = {f"p{seed}_{i}": {"type": kinds[i % len(kinds)]} for i in range(count)}
    return {"type": "object", "properties": names, "required": list(names)}


class Bench:
    """One model with its constraints."""

    def __init__(self, path: str, n_threads: int | None) -> None:
        self.backend: LlamaCppBackend = load(
            path, LoadOptions(n_ctx=16384, n_seq_max=16, n_threads=n_threads)
        )
        self.constraining = Constraining(self.backend.tokenizer, self.backend.tokenizer.piece)
        started_s = perf_counter()
        self.constraining.start()
        self.constraining.warm_up()
        self.trie_s = perf_counter() - started_s
        self.prompt = tuple(
            self.backend.tokenizer.encode("Tell me more.", add_special=True, parse_special=False)
        )
        self._handle = 0

    def spec(self, sampling: SamplingParams, max_tokens: int) -> SequenceSpec:
        self._handle += 1
        return SequenceSpec(SequenceKey(self._handle, 0), self.prompt, sampling, max_tokens)

    def held(self, spec: SequenceSpec, request: GenerationRequest) -> SequenceSpec:
        situation = Situation((), (), is_reasoning=False, dialect=hermes)
        return self.constraining.apply(request, (spec,), situation)[0]

    def run(self, specs: list[SequenceSpec]) -> tuple[float, dict[SequenceKey, list[int]]]:
        """Tokens per second from the first token of all on, and everybody's tokens."""
        engine = Engine(self.backend, clock=SystemClock())
        said: dict[SequenceKey, list[int]] = {spec.key: [] for spec in specs}
        engine.submit(specs)
        started_s, before = 0.0, 0
        while engine.has_work:
            for event in engine.step():
                match event:
                    case Token(key, sampled):
                        said[key].append(sampled.token)
                    case Ended() | Broken():
                        assert not isinstance(event, Broken), event
                    case _:
                        pass
            if not started_s and all(said.values()):
                started_s, before = perf_counter(), sum(map(len, said.values()))
        n_tokens = sum(map(len, said.values())) - before
        for sequence in range(self.backend.capabilities.n_seq_max):
            self.backend.clear(sequence)
        return n_tokens / (perf_counter() - started_s), said


def schema_request(schema: dict[str, Any]) -> GenerationRequest:
    json_format = JsonFormat(param="schema", schema=schema)
    return GenerationRequest("bench", "bench", TextPrompt(""), format=json_format)


def masks(bench: Bench, count: int = 50, rounds: int = 30) -> None:
    """Time to the first mask of a schema, seen before and not."""
    spec = bench.spec(SamplingParams(), 1)

    def first_mask(schema: dict[str, Any]) -> float:
        started_s = perf_counter()
        constraint = bench.held(spec, schema_request(schema)).constraint
        assert constraint is not None
        constraint.allowed()
        return (perf_counter() - started_s) * 1000

    unseen = [first_mask(properties(count, seed)) for seed in range(rounds)]
    seen = [first_mask(properties(count, rounds - 1)) for _ in range(rounds)]
    print(f"trie of {bench.backend.capabilities.n_vocab} tokens: {bench.trie_s:.2f} s, once")
    print(f"schema of {count} properties, first mask: not seen {_spread(unseen)} ms")
    print(f"schema of {count} properties, first mask: seen {_spread(seen)} ms")


def speed(bench: Bench, streams: int) -> None:
    """Rounds with and without each schema take turns."""
    for name, schema in SCHEMAS.items():
        free, held, ratio = _with_against_without(bench, streams, schema)
        figures = f"free {free:.1f}, schema {held:.1f} tok/s, ratio {ratio:.3f}"
        print(f"{streams} streams, {name}: {figures}")


def _with_against_without(
    bench: Bench, streams: int, schema: dict[str, Any]
) -> tuple[float, float, float]:

    def tokens_per_s(*, is_held: bool, seed: int) -> float:
        sampling = SamplingParams(seed=seed, ignore_eos=True)
        specs = [bench.spec(sampling, TOKENS) for _ in range(streams)]
        if is_held:
            specs = [bench.held(spec, schema_request(schema)) for spec in specs]
        return bench.run(specs)[0]

    tokens_per_s(is_held=True, seed=99)
    pairs = [
        (tokens_per_s(is_held=False, seed=seed), tokens_per_s(is_held=True, seed=seed))
        for seed in range(ROUNDS)
    ]
    free, held = (median(side) for side in zip(*pairs, strict=True))
    return free, held, median(held / free for free, held in pairs)


def calls(bench: Bench, count: int, streams: int = 16) -> None:
    """Forced calls at temperature 1, all of the vocabulary allowed, and how many are valid."""
    valid = 0
    for start in range(0, count, streams):
        sampling = [
            SamplingParams(seed=seed, temperature=1, top_k=0, top_p=1, min_p=0)
            for seed in range(start, min(count, start + streams))
        ]
        specs = [
            bench.held(bench.spec(each, 480), _call_request(seed))
            for seed, each in enumerate(sampling)
        ]
        _, said = bench.run(specs)
        valid += sum(_is_valid(bench, tokens) for tokens in said.values())
    print(f"forced calls: {valid} of {count} valid")
    assert valid == count


def _call_request(seed: int) -> GenerationRequest:
    named = {"only": (TOOLS[seed % 2].name,)} if seed % 3 == 0 else {}
    prompt = ChatPrompt((Message("user", ""),), tools=TOOLS)
    use = ToolUse(is_required=True, is_parallel=False, **named)
    return GenerationRequest("bench", "bench", prompt, parse_output=True, tool_use=use)


def _is_valid(bench: Bench, tokens: list[int]) -> bool:
    piece = bench.backend.tokenizer.piece
    text = b"".join(map(piece, tokens)).decode(errors="replace")
    parser = hermes.Parser(str)
    pieces = [*parser.feed(text).calls, *parser.finish().calls]
    name = next((each.name for each in pieces if each.name), None)
    schemas = {tool.name: tool.parameters for tool in TOOLS}
    if name not in schemas:
        return False
    arguments = json.loads("".join(each.arguments for each in pieces))
    return bool(jsonschema.Draft202012Validator(schemas[name]).is_valid(arguments))


def _spread(values: list[float]) -> str:
    return f"median {median(values):.3f}, most {max(values):.3f}"


def tiny_model() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(write_llama(Path(folder) / "tiny.gguf"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a GGUF file; without it, a tiny one of random weights")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--streams", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--calls", type=int, default=0)
    asked = parser.parse_args()
    jobs: list[Callable[[Bench], None]] = [masks]
    jobs += [lambda bench, n=n: speed(bench, n) for n in asked.streams]  # type: ignore[misc]  # a default binds the loop's value
    if asked.calls:
        jobs = [lambda bench: calls(bench, asked.calls)]
    paths = iter([asked.model]) if asked.model else tiny_model()
    for path in paths:
        bench = Bench(path, asked.threads)
        for job in jobs:
            job(bench)


if __name__ == "__main__":
    main()
