"""Adapters on every backend: their effect is that of merged weights, and each has its own cells."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.contract.backends.conftest import Open, of_mlx, with_mlx
from tests.contract.backends.reading import GREEDY, assert_same, feed, next_token, prompt
from tests.contract.backends.running import Run, answer, ask
from tests.support import tiny_adapters, tiny_mlx
from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import Backend, BackendError, Span
from velocity_local.worker.engine.sequence import SequenceSpec

REAL = with_mlx(("llama",), "mlx-llama")
BOTH = ("fake", *REAL)
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_batch=64, n_threads=1)
# Sixteen-bit adapters against weights merged in 32 bits, in logits whose spread is about 4
CLOSE = 0.05

Make = Callable[..., Adapter]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Writes adapters of the tiny llama of a test; equal seeds give equal adapters."""
    is_mlx = request.node.callspec.params["name"].startswith("mlx")

    def make_(seed: int = 1, *, scale: float = 1.0) -> Adapter:
        if is_mlx:
            path = tiny_mlx.write_adapter(tmp_path / f"adapter{seed}", seed=seed)
        else:
            path = tiny_adapters.write_llama_adapter(tmp_path / f"{seed}.gguf", seed=seed)
        return described(path, name=f"a{seed}", scale=scale)

    return make_


def speak(adapter: Adapter | None, handle: int, tokens: Sequence[int]) -> SequenceSpec:
    spec = ask(handle, tokens, GREEDY, max_tokens=10)
    return spec._replace(adapter="" if adapter is None else adapter.key)


def logprobs(backend: Backend, tokens: Sequence[int], adapter: str = "") -> dict[int, float]:
    """Of every token after `tokens`."""
    backend.clear(0)
    backend.forward([Span(0, 0, list(tokens), wants_logits=True, adapter=adapter)])
    found = dict(next_token(backend, tokens, top=backend.capabilities.n_vocab).top)
    backend.clear(0)
    return found


def open_merged(name: str, folder: Path, scale: float) -> Backend:
    """The tiny llama with the adapter of seed 1 in its weights."""
    if name == "llama":
        path = tiny_adapters.write_merged_llama(folder / "merged.gguf", scale=scale)
        return registry.load(str(path), OPTIONS)
    path = tiny_mlx.write_merged(folder / "merged", scale=scale)
    return registry.load(str(path), of_mlx(OPTIONS))


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("scale", [1.0, -0.5])
def test_an_adapter_does_what_merging_it_would_do(
    scale: float, name: str, open_backend: Open, make: Make, tmp_path: Path
) -> None:
    backend = open_backend(name)
    adapter = make(scale=scale)
    backend.load_adapter(adapter)
    text = prompt(backend, 24)
    plain, adapted = logprobs(backend, text), logprobs(backend, text, adapter.key)
    merged = open_merged(name, tmp_path, scale)
    expected = logprobs(merged, text)
    merged.close()
    assert max(abs(adapted[token] - expected[token]) for token in expected) < CLOSE
    assert max(abs(plain[token] - expected[token]) for token in expected) > 1


@pytest.mark.parametrize("name", BOTH)
def test_answers_of_several_adapters_at_once_are_those_of_each_alone(
    name: str, open_backend: Open, make: Make
) -> None:
    backend = open_backend(name)
    first, second = make(1), make(2)
    backend.load_adapter(first)
    backend.load_adapter(second)
    tokens = prompt(backend, 40)
    asked = [speak(adapter, i, tokens) for i, adapter in enumerate((None, first, second, first))]
    alone = [answer(backend, spec) for spec in asked]
    together = Run(backend).finish(*asked)
    assert together[1] == together[3]
    assert together[0] != together[1] != together[2]
    for got, expected, spec in zip(together, alone, asked, strict=True):
        if not spec.adapter:
            assert_same(backend, tokens, got, expected)
    assert together[1:] == alone[1:]


@pytest.mark.parametrize("name", BOTH)
def test_a_prefix_is_reused_by_its_own_adapter_only(
    name: str, open_backend: Open, make: Make
) -> None:
    backend = open_backend(name)
    adapter = make()
    backend.load_adapter(adapter)
    tokens = prompt(backend, 60)
    run = Run(backend)
    run.finish(speak(None, 1, tokens))
    run.finish(speak(adapter, 2, tokens))
    run.finish(speak(adapter, 3, tokens))
    run.finish(speak(None, 4, tokens))
    cached = {key.handle: begun.cached_tokens for key, begun in run.begins.items()}
    assert cached[1] == cached[2] == 0
    assert cached[3] == len(tokens) - 1
    assert run.sampled[speak(adapter, 2, tokens).key] == run.sampled[speak(None, 3, tokens).key]


@pytest.mark.parametrize("name", BOTH)
def test_saved_cells_come_back_to_their_own_adapter_only(
    name: str, open_backend: Open, make: Make
) -> None:
    backend = open_backend(name, msgspec.structs.replace(OPTIONS, n_ctx=256))
    first, second = make(1), make(2)
    backend.load_adapter(first)
    backend.load_adapter(second)
    tokens = prompt(backend, 60)
    run = Run(backend, state_bytes=2**26)
    (before,) = run.finish(speak(first, 1, tokens))
    for handle in (2, 3):
        run.finish(speak(None, handle, prompt(backend, 150, start=100 * (handle - 1))))
    (other,) = run.finish(speak(second, 4, tokens))
    (plain,) = run.finish(speak(None, 5, tokens))
    (again,) = run.finish(speak(first, 6, tokens))
    cached = {key.handle: begun.cached_tokens for key, begun in run.begins.items()}
    assert cached[4] == cached[5] == 0
    assert cached[6] > 0
    assert again == before
    assert len({tuple(said) for said in (before, other, plain)}) == 3


@pytest.mark.parametrize("name", BOTH)
def test_guessing_ahead_changes_no_adapters_text(name: str, open_backend: Open, make: Make) -> None:
    backend = open_backend(name)
    first, second = make(1), make(2)
    backend.load_adapter(first)
    backend.load_adapter(second)
    tokens = prompt(backend, 12) * 4
    asked = [speak(adapter, i, tokens) for i, adapter in enumerate((None, first, second))]
    expected = [answer(backend, spec) for spec in asked]
    guessed = Run(backend, speculation="on").finish(*asked)
    assert guessed[1:] == expected[1:]
    assert_same(backend, tokens, guessed[0], expected[0])


@pytest.mark.parametrize("name", BOTH)
def test_one_pass_has_one_adapter(name: str, open_backend: Open, make: Make) -> None:
    backend = open_backend(name)
    adapter = make()
    backend.load_adapter(adapter)
    spans = [Span(0, 0, [5], wants_logits=True), Span(1, 0, [5], True, adapter.key)]
    with pytest.raises(BackendError, match="adapter"):
        backend.forward(spans)
    assert backend.length(0) == backend.length(1) == 0


@pytest.mark.parametrize("name", BOTH)
def test_what_is_not_loaded_cannot_compute(name: str, open_backend: Open, make: Make) -> None:
    backend = open_backend(name)
    adapter = make()
    span = Span(0, 0, [5], True, adapter.key)
    with pytest.raises(BackendError, match="loaded"):
        backend.forward([span])
    backend.load_adapter(adapter)
    backend.forward([span])
    backend.clear(0)
    backend.unload_adapter(adapter.key)
    with pytest.raises(BackendError, match="loaded"):
        backend.forward([span])


@pytest.mark.parametrize("name", REAL)
def test_unloading_gives_the_plain_model_back(name: str, open_backend: Open, make: Make) -> None:
    backend = open_backend(name)
    adapter = make()
    text = prompt(backend, 24)
    before = logprobs(backend, text)
    backend.load_adapter(adapter)
    logprobs(backend, text, adapter.key)
    backend.unload_adapter(adapter.key)
    assert logprobs(backend, text) == before


@pytest.mark.parametrize("name", BOTH)
def test_a_file_that_is_not_there_is_an_error(
    name: str, open_backend: Open, tmp_path: Path
) -> None:
    backend = open_backend(name)
    with pytest.raises(BackendError, match="adapter"):
        backend.load_adapter(described(tmp_path / "gone.gguf"))
    feed(backend, 0, prompt(backend, 20))
