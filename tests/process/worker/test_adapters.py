"""Adapters in a real worker: loaded by the request that names one, refused alone, let go."""

from pathlib import Path

import pytest

from tests.process.worker.harness import Worker, answer, ask, refusal, worker
from tests.support import tiny_adapters, tiny_models
from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.wire.ipc.messages import ForgetAdapter, Generate

pytestmark = pytest.mark.process
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_batch=64, n_threads=1)
GREEDY = SamplingParams(temperature=0, ignore_eos=True)


def adapter(folder: Path, *, seed: int = 1) -> Adapter:
    path = tiny_adapters.write_llama_adapter(folder / f"{seed}.gguf", seed=seed)
    return described(path, model="tiny", name=f"a{seed}")


def asked(handle: int, chosen: Adapter | None) -> Generate:
    return ask(handle, "the old king had", sampling=GREEDY, max_tokens=12, adapter=chosen)


def loaded(running: Worker, folder: Path) -> Worker:
    running.load(str(tiny_models.write_llama(folder / "tiny.gguf")), OPTIONS)
    return running


def test_requests_of_several_adapters_run_beside_each_other(tmp_path: Path) -> None:
    first, second = adapter(tmp_path, seed=1), adapter(tmp_path, seed=2)
    with worker() as running:
        loaded(running, tmp_path)
        texts = []
        for handle, chosen in enumerate((None, first, second), start=1):
            running.send(asked(handle, chosen))
            texts.append(answer(running, handle).tokens())
        assert len(set(texts)) == 3
        running.send(*(asked(10 + i, chosen) for i, chosen in enumerate((first, second, first))))
        assert answer(running, 10).tokens() == texts[1]


def test_one_that_was_forgotten_is_loaded_anew(tmp_path: Path) -> None:
    chosen = adapter(tmp_path)
    with worker() as running:
        loaded(running, tmp_path)
        running.send(asked(1, chosen))
        before = answer(running, 1).tokens()
        running.send(ForgetAdapter(chosen.key), asked(2, None))
        answer(running, 2)
        running.send(asked(3, chosen))
        assert answer(running, 3).tokens() == before
    assert running.log.count(b"adapter tiny:a1 is loaded") == 2
    assert running.log.count(b"adapter tiny:a1 is unloaded") == 1


def test_what_the_library_refuses_costs_its_own_request_only(tmp_path: Path) -> None:
    pairs = tiny_adapters.pairs_of(tiny_models.llama_tensors())
    wrong = [pair._replace(a=pair.a[:, :32]) for pair in pairs]
    path = tiny_adapters.write_adapter(tmp_path / "wrong.gguf", wrong)
    chosen = described(path, model="tiny", name="wrong")
    with worker() as running:
        loaded(running, tmp_path)
        running.send(asked(1, chosen), asked(2, None))
        refused = refusal(running, 1)
        assert refused.error.code == "invalid_adapter"
        assert "tiny:wrong" in refused.error.message
        running.send(asked(3, None))
        assert answer(running, 3).tokens()
