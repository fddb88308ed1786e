"""Embeddings: each pooling, each kind of model, many inputs at once as one by one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.contract.backends.conftest import OPTIONS, Open, of_mlx, with_mlx
from tests.support import tiny_mlx, tiny_models
from velocity_local.core.models import Pooling
from velocity_local.worker.backends import registry
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Script
from velocity_local.worker.backends.llama_cpp.model import load
from velocity_local.worker.engine.backend import Backend, BackendError

INPUTS = [[5, 6, 7], [100], list(range(3, 90)), [5, 6, 8], [7, 6, 5], [9] * 20]
POOLINGS: list[Pooling] = ["mean", "cls", "last"]


def open_embedder(pooling: Pooling, folder: Path) -> Backend:
    path = folder / "embedder.gguf"
    if pooling == "last":
        return load(str(tiny_models.write_embedder(path)), OPTIONS)
    number = {"mean": 1, "cls": 2}[pooling]
    return load(str(tiny_models.write_encoder(path, pooling=number)), OPTIONS)


def open_mlx_embedder(name: str, folder: Path) -> Backend:
    mode = {"mlx-mean": "pooling_mode_mean_tokens", "mlx-last": "pooling_mode_lasttoken"}[name]
    path = tiny_mlx.write_embedder(folder / "embedder", mode)
    return registry.load(str(path), of_mlx(OPTIONS))


@pytest.fixture(params=[*with_mlx(tuple(POOLINGS), "mlx-mean", "mlx-last"), "fake"])
def embedder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    if request.param == "fake":
        backend: Backend = FakeBackend(Script(pooling="mean"), OPTIONS)
    elif request.param.startswith("mlx"):
        backend = open_mlx_embedder(request.param, tmp_path)
    else:
        backend = open_embedder(request.param, tmp_path)
    yield backend
    backend.close()


def vectors(backend: Backend, inputs: list[list[int]]) -> list[np.ndarray]:
    return [np.frombuffer(raw, "<f4") for raw in backend.embed(inputs)]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_many_inputs_give_what_each_gives_alone(embedder: Backend) -> None:
    together = vectors(embedder, INPUTS)
    assert [v.shape for v in together] == [(embedder.loaded.n_embd,)] * len(INPUTS)
    for tokens, vector in zip(INPUTS, together, strict=True):
        assert cosine(vector, vectors(embedder, [tokens])[0]) > 0.9999


def test_different_inputs_have_different_vectors(embedder: Backend) -> None:
    together = vectors(embedder, INPUTS)
    for i, vector in enumerate(together):
        assert all(cosine(vector, other) < 0.99 for other in together[:i])


def test_an_embedding_model_says_so(embedder: Backend) -> None:
    assert embedder.capabilities.can_embed
    assert not embedder.capabilities.can_generate
    assert embedder.loaded.pooling == embedder.capabilities.pooling != "none"


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_input_longer_than_the_context_is_an_error(pooling: Pooling, tmp_path: Path) -> None:
    backend = open_embedder(pooling, tmp_path)
    with pytest.raises(BackendError, match="600 tokens; from 1 to 512"):
        backend.embed([[5] * 600])
    with pytest.raises(BackendError, match="0 tokens"):
        backend.embed([[]])
    backend.close()


@pytest.mark.parametrize("name", with_mlx(("fake", "llama"), "mlx-llama"))
def test_a_model_without_pooling_has_no_embeddings(name: str, open_backend: Open) -> None:
    with pytest.raises(BackendError, match="no embeddings"):
        open_backend(name).embed([[1, 2]])


def test_an_encoder_without_pooling_is_not_loaded(tmp_path: Path) -> None:
    path = tiny_models.write_encoder(tmp_path / "raw.gguf", pooling=0)
    with pytest.raises(BackendError, match="neither generates nor pools"):
        load(str(path), OPTIONS)
