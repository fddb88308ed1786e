"""What LoRA adapters cost: streams of one, of two and of none, rounds in turns, in one run.

    python -m benchmarks.adapters [--model PATH] [--rounds N]

The adapters are random, of rank 4, in every projection of every layer.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.support.shelved import described
from tests.support.tiny_adapters import write_adapter_of
from velocity_local.core.clock import SystemClock
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp.model import LlamaCppBackend, load
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec

DEMO = Path(__file__).parents[1] / "models" / "demo" / "velocity-demo-f16.gguf"
GREEDY = SamplingParams(temperature=0, ignore_eos=True)
N_STREAMS, N_TOKENS, N_PROMPT = 8, 60, 12


def spent_ms(backend: LlamaCppBackend, adapters: Sequence[str]) -> float:
    """The time until as many streams are over as there are adapters named."""
    engine = Engine(backend, clock=SystemClock())
    prompts = [tuple(range(300 + i, 300 + i + N_PROMPT)) for i in range(len(adapters))]
    started_s = perf_counter()
    engine.submit(
        [
            SequenceSpec(SequenceKey(i, 0), prompt, GREEDY, N_TOKENS, adapter=adapter)
            for i, (prompt, adapter) in enumerate(zip(prompts, adapters, strict=True))
        ]
    )
    while engine.has_work:
        engine.step()
    ended_s = perf_counter()
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    return (ended_s - started_s) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=DEMO)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    backend = load(str(given.model), LoadOptions(n_ctx=4096, n_seq_max=2 * N_STREAMS))
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_adapter_of(given.model, Path(folder) / f"{i}.gguf", seed=i) for i in (1, 2)]
        first, second = (described(path, name=path.stem) for path in paths)
        backend.load_adapter(first)
        backend.load_adapter(second)
    half = N_STREAMS // 2
    cases = {
        f"{N_STREAMS} streams of the model alone": [""] * N_STREAMS,
        f"{N_STREAMS} streams of one adapter": [first.key] * N_STREAMS,
        f"{half} of one adapter, {half} of another": [first.key] * half + [second.key] * half,
        f"{half} of the model alone, {half} of an adapter": [""] * half + [first.key] * half,
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(given.rounds):
        for name, adapters in cases.items():
            times[name].append(spent_ms(backend, adapters))
    plain, *_ = times.values()
    for name, spent in times.items():
        ratio = median(ours / base for ours, base in zip(spent, plain, strict=True))
        print(f"{name:44s} {median(spent):7.0f} ms  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
