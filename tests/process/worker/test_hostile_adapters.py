"""Adapter files with bytes changed: what our check lets through does not end the worker."""

import io
import random
from pathlib import Path

import pytest

from tests.process.worker.harness import Worker, ask, worker
from tests.support import tiny_adapters, tiny_models
from tests.support.shelved import described
from velocity_local.core.errors import InvalidAdapter
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.catalog.adapters import lora
from velocity_local.daemon.catalog.cursor import GgufError
from velocity_local.daemon.catalog.gguf import Header, read_header
from velocity_local.wire.ipc.messages import AnyReport, Refused, Step

pytestmark = pytest.mark.process
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_batch=64, n_threads=1)
GREEDY = SamplingParams(temperature=0, ignore_eos=True)
N_MUTATIONS = 1500


def header_of(data: bytes) -> Header:
    return read_header(io.BytesIO(data), len(data))


def mutated(data: bytes, chance: random.Random, n_header: int) -> bytes:
    """One to three bytes of the header changed."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(n_header)] = chance.choice(
            (0, 1, 7, 64, 255, chance.randrange(256))
        )
    return bytes(changed)


def accepted(folder: Path, base: Header) -> list[Path]:
    """Mutations of an adapter that our check finds nothing wrong with."""
    chance = random.Random(11)
    pairs = tiny_adapters.pairs_of(tiny_models.llama_tensors(), projections=("attn_q", "ffn_down"))
    data = tiny_adapters.write_adapter(folder / "sound.gguf", pairs).read_bytes()
    n_header = header_of(data).data_offset
    files = []
    for number in range(N_MUTATIONS):
        changed = mutated(data, chance, n_header)
        try:
            lora.check(header_of(changed), [base])
        except (GgufError, InvalidAdapter):
            continue
        path = folder / f"{number}.gguf"
        path.write_bytes(changed)
        files.append(path)
    return files


def outcome(running: Worker, handle: int) -> str:
    """How the request ended; a worker that has died ends the test."""

    def is_over(report: AnyReport) -> bool:
        if isinstance(report, Refused):
            return report.handle == handle
        return isinstance(report, Step) and any(
            owner == handle and type(event).__name__ in {"Finished", "Failed"}
            for owner, event in report.events
        )

    last = running.until(is_over)[-1]
    return last.error.code if isinstance(last, Refused) else "answered"


def test_no_mutation_ends_the_worker(tmp_path: Path) -> None:
    base = tiny_models.write_llama(tmp_path / "base.gguf")
    files = accepted(tmp_path, header_of(base.read_bytes()))
    assert 20 < len(files) < N_MUTATIONS / 2
    outcomes = []
    with worker() as running:
        running.load(str(base), OPTIONS)
        for handle, path in enumerate(files, start=1):
            adapter = described(path, name=path.stem)
            running.send(ask(handle, "the old", sampling=GREEDY, max_tokens=3, adapter=adapter))
            outcomes.append(outcome(running, handle))
    assert set(outcomes) <= {"answered", "invalid_adapter"}
    print(f"{len(files)} of {N_MUTATIONS} let through, {outcomes.count('answered')} answered")
