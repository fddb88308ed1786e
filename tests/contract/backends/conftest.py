"""The implementations of the engine's `Backend` port that every contract is held against."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support import tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.backends.llama_cpp.model import load
from velocity_local.worker.engine.backend import Backend

Open = Callable[..., Backend]

DEMO = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_batch=64, n_threads=1)
ATTENTION = ("fake", "llama", "demo")
WINDOWED = ("fake-window", "gemma2")
RECURRENT = ("fake-recurrent", "mamba", "qwen35")
ALL = (*ATTENTION, *WINDOWED, *RECURRENT)
STEPPING_BACK = ("fake-rollback", "qwen35-heads")
HEADED = ("glm4moe", "qwen35-heads")
WITH_HEADS = msgspec.structs.replace(OPTIONS, heads="on")
REAL = ("llama", "demo", "gemma2", "mamba", "qwen35")

_BABBLE = Babble(mean_tokens=10_000)
SCRIPTS = {
    "fake": Script(reply=_BABBLE),
    "fake-window": Script(reply=_BABBLE, truncation="within_window", window=tiny_models.WINDOW),
    "fake-recurrent": Script(reply=_BABBLE, truncation="never"),
    "fake-rollback": Script(reply=_BABBLE, truncation="never", n_rollback=3),
}
WRITERS = {
    "llama": tiny_models.write_llama,
    "gemma2": tiny_models.write_sliding_window,
    "mamba": tiny_models.write_recurrent,
    "qwen35": tiny_models.write_hybrid,
    "glm4moe": tiny_models.write_experts_with_heads,
    "qwen35-heads": tiny_models.write_hybrid_with_heads,
    "states-alone": tiny_models.write_experts_with_heads_of_states,
}


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    files = {name: write(folder / f"{name}.gguf") for name, write in WRITERS.items()}
    return {**files, "demo": DEMO}


@pytest.fixture
def open_backend(model_files: dict[str, Path]) -> Iterator[Open]:
    """Opens backends by name; they are closed after the test."""
    opened: list[Backend] = []

    def open_(name: str, options: LoadOptions = OPTIONS) -> Backend:
        if name in SCRIPTS:
            backend: Backend = FakeBackend(SCRIPTS[name], options)
        else:
            backend = load(str(model_files[name]), options)
        opened.append(backend)
        return backend

    yield open_
    for backend in opened:
        backend.close()
