"""The implementations of the engine's `Backend` port that every contract is held against."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support import tiny_heads, tiny_mlx, tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends import registry
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.backend import Backend

Open = Callable[..., Backend]

DEMO = Path(__file__).parents[3] / "models" / "demo" / "velocity-demo-f16.gguf"
OPTIONS = LoadOptions(n_ctx=512, n_seq_max=4, n_batch=64, n_threads=1)
# MLX has no build for Windows.
HAS_MLX = importlib.util.find_spec("mlx") is not None


def with_mlx(names: tuple[str, ...], *mlx: str) -> tuple[str, ...]:
    """The names, and those of models in MLX's form where it is installed."""
    return (*names, *(mlx if HAS_MLX else ()))


ATTENTION = with_mlx(("fake", "fake-copies", "llama", "demo"), "mlx-llama")
WINDOWED = with_mlx(("fake-window", "gemma2"), "mlx-gemma3")
RECURRENT = with_mlx(("fake-recurrent", "mamba", "qwen35"), "mlx-mamba", "mlx-lfm2")
ALL = (*ATTENTION, *WINDOWED, *RECURRENT)
STEPPING_BACK = ("fake-rollback", "qwen35-heads")
HEADED = ("glm4moe", "deepseek2", "qwen35-heads", "qwen35moe")
WITH_HEADS = msgspec.structs.replace(OPTIONS, heads="on")
REAL = tuple(name for name in ALL if not name.startswith("fake"))

_BABBLE = Babble(mean_tokens=10_000)
SCRIPTS = {
    "fake": Script(reply=_BABBLE),
    "fake-copies": Script(reply=_BABBLE, shares_cells=False),
    "fake-window": Script(reply=_BABBLE, truncation="within_window", window=tiny_models.WINDOW),
    "fake-recurrent": Script(reply=_BABBLE, truncation="never"),
    "fake-rollback": Script(reply=_BABBLE, truncation="never", n_rollback=3),
}
WRITERS = {
    "llama": tiny_models.write_llama,
    "gemma2": tiny_models.write_sliding_window,
    "mamba": tiny_models.write_recurrent,
    "qwen35": tiny_models.write_hybrid,
    "glm4moe": tiny_heads.write_experts_with_heads,
    "qwen35-heads": tiny_heads.write_hybrid_with_heads,
    "qwen35moe": tiny_heads.write_hybrid_experts_with_heads,
    "deepseek2": tiny_heads.write_latent_with_heads,
    "glm4moe-stripped": tiny_heads.write_experts_without_their_heads,
    "glm4moe-broken": tiny_heads.write_experts_with_broken_heads,
    "states-alone": tiny_heads.write_experts_with_heads_of_states,
}
MLX_CONFIGS = {
    "mlx-llama": tiny_mlx.LLAMA,
    "mlx-gemma3": tiny_mlx.WINDOWED,
    "mlx-mamba": tiny_mlx.RECURRENT,
    "mlx-lfm2": tiny_mlx.HYBRID,
}


@pytest.fixture(scope="session")
def model_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    files = {name: write(folder / f"{name}.gguf") for name, write in WRITERS.items()}
    if HAS_MLX:
        for name, config in MLX_CONFIGS.items():
            files[name] = tiny_mlx.write_folder(folder / name, config)
    return {**files, "demo": DEMO, "mlx-demo": DEMO.parent / "mlx"}


def of_mlx(options: LoadOptions) -> LoadOptions:
    return msgspec.structs.replace(options, backend="mlx")


class Shelf:
    """Models in MLX's form, which are loaded once for many tests and are empty between them."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = files
        self._idle: dict[tuple[str, LoadOptions], list[Backend]] = {}

    def take(self, name: str, options: LoadOptions) -> Backend:
        idle = self._idle.setdefault((name, options), [])
        return idle.pop() if idle else registry.load(str(self._files[name]), of_mlx(options))

    def put_back(self, name: str, options: LoadOptions, backend: Backend) -> None:
        for sequence in range(backend.capabilities.n_seq_max):
            backend.clear(sequence)
        self._idle[name, options].append(backend)

    def close(self) -> None:
        for backends in self._idle.values():
            for backend in backends:
                backend.close()


@pytest.fixture(scope="session")
def shelf(model_files: dict[str, Path]) -> Iterator[Shelf]:
    shelf = Shelf(model_files)
    yield shelf
    shelf.close()


@pytest.fixture
def open_backend(
    model_files: dict[str, Path], shelf: Shelf, request: pytest.FixtureRequest
) -> Iterator[Open]:
    """Opens backends by name; they are closed after the test, or empty again."""
    loads_adapters = "make" in request.fixturenames
    opened: list[Backend] = []
    lent: list[tuple[str, LoadOptions, Backend]] = []

    def open_(name: str, options: LoadOptions = OPTIONS) -> Backend:
        if name.startswith("mlx") and not loads_adapters:
            backend = shelf.take(name, options)
            lent.append((name, options, backend))
            return backend
        if name in SCRIPTS:
            opened.append(FakeBackend(SCRIPTS[name], options))
        else:
            chosen = of_mlx(options) if name.startswith("mlx") else options
            opened.append(registry.load(str(model_files[name]), chosen))
        return opened[-1]

    yield open_
    for backend in opened:
        backend.close()
    for name, options, backend in lent:
        shelf.put_back(name, options, backend)
