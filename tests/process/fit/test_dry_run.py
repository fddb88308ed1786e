"""What a load takes, asked beforehand in a process of its own and compared with the real load."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.support import tiny_heads, tiny_models
from velocity_local.config.paths import data_root
from velocity_local.core.errors import ModelFailed
from velocity_local.core.models import Buffers, LoadOptions
from velocity_local.daemon.catalog.fit_bytes import need_of, read_shape
from velocity_local.daemon.catalog.gguf import read_header
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.ledger import ask_of
from velocity_local.daemon.fleet.weighing import DryRuns
from velocity_local.worker.backends.llama_cpp import dry_run, model
from velocity_local.worker.engine.backend import BackendError

WRITERS: dict[str, Callable[[Path], Path]] = {
    "attention": tiny_models.write_llama,
    "window": tiny_models.write_sliding_window,
    "recurrent": tiny_models.write_recurrent,
    "embedder": tiny_models.write_embedder,
    "encoder": lambda path: tiny_models.write_encoder(path, pooling=1),
}
OPTIONS = {
    "as it comes": LoadOptions(),
    "small": LoadOptions(n_ctx=512, n_seq_max=2, n_batch=128),
    "f32": LoadOptions(n_ctx=2048, n_seq_max=4, kv_type="f32"),
}
WITH_HEADS = LoadOptions(n_ctx=2048, n_seq_max=4, heads="on")
REFUSED = {"write_experts_with_broken_heads"}


def dry_runs(*command: str, timeout_s: float = 30.0) -> DryRuns:
    environment = worker_environment()
    if command:
        return DryRuns(environment=environment, command=command, timeout_s=timeout_s)
    return DryRuns(environment=environment, timeout_s=timeout_s)


def really_taken(path: Path, options: LoadOptions) -> Buffers:
    backend = model.load(str(path), options)
    try:
        assert backend.loaded.buffers is not None
        assert backend.loaded.memory_bytes == backend.loaded.buffers.total_bytes
        return backend.loaded.buffers
    finally:
        backend.close()


def _needs_a_path_alone(write: Callable[..., Path]) -> bool:
    first, *others = inspect.signature(write).parameters.values()
    return first.name == "path" and all(
        other.kind is other.VAR_KEYWORD or other.default is not other.empty for other in others
    )


def built(folder: Path) -> dict[str, Path]:
    """Every model that tests build, and the one that is shipped; a new one is among them."""
    files = {"demo": data_root() / "demo" / "velocity-demo-f16.gguf"}
    for name, write in (vars(tiny_models) | vars(tiny_heads)).items():
        if name.startswith("write_") and _needs_a_path_alone(write):
            files[name] = write(folder / f"{name}.gguf")
    files["encoder"] = tiny_models.write_encoder(folder / "encoder.gguf", pooling=1)
    return files


@pytest.mark.parametrize("options", [*OPTIONS.values(), WITH_HEADS], ids=[*OPTIONS, "with heads"])
def test_the_dry_run_is_within_a_tenth_of_the_load_for_every_model(
    tmp_path: Path, options: LoadOptions
) -> None:
    off = {}
    for name, path in built(tmp_path).items():
        if name in REFUSED:
            with pytest.raises(BackendError):
                dry_run.weigh(str(path), options)
            continue
        weighed, taken = dry_run.weigh(str(path), options), really_taken(path, options)
        assert weighed.weights_bytes == taken.weights_bytes > 0
        off[name] = abs(weighed.total_bytes / taken.total_bytes - 1)
    assert len(off) >= 12
    assert max(off.values()) <= 0.1, off


async def test_the_daemon_asks_a_process_of_its_own(tmp_path: Path) -> None:
    path = tiny_models.write_llama(tmp_path / "tiny.gguf")
    weighed = await dry_runs().weigh(str(path), LoadOptions())
    assert weighed == dry_run.weigh(str(path), LoadOptions())


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_the_formula_says_how_far_it_may_be_off(
    tmp_path: Path, write: Callable[[Path], Path], options: LoadOptions
) -> None:
    path = write(tmp_path / "tiny.gguf")
    with path.open("rb") as file:
        found = read_shape(read_header(file, path.stat().st_size))
    need, taken = need_of(found, ask_of(options)), really_taken(path, options)
    # The engine tells sizes in hundredths of a MiB, and tensors are padded.
    assert abs(need.kv_bytes - taken.kv_bytes) <= 2 * 2**20 // 100
    assert abs(need.engine_bytes - taken.total_bytes) <= need.error_bytes


@pytest.mark.parametrize(
    "write",
    [
        tiny_heads.write_experts_with_heads,
        tiny_heads.write_latent_with_heads,
        tiny_heads.write_hybrid_with_heads,
    ],
)
async def test_heads_and_the_states_that_are_kept_for_them_are_counted(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    path = write(tmp_path / "tiny.gguf")
    options = LoadOptions(n_ctx=4096, n_seq_max=4, n_batch=128, heads="on")
    weighed, taken = await dry_runs().weigh(str(path), options), really_taken(path, options)
    assert abs(weighed.total_bytes - taken.total_bytes) <= taken.total_bytes // 10
    with path.open("rb") as file:
        found = read_shape(read_header(file, path.stat().st_size))
    need = need_of(found, ask_of(options))
    assert abs(need.kv_bytes - taken.kv_bytes) <= 3 * 2**20 // 100
    assert abs(need.engine_bytes - taken.total_bytes) <= need.error_bytes
    plain = msgspec.structs.replace(options, heads="off")
    less = really_taken(path, plain)
    assert need_of(found, ask_of(plain)).kv_bytes - less.kv_bytes <= 2 * 2**20 // 100
    assert less.kv_bytes < taken.kv_bytes


async def test_what_the_engine_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    path = tiny_models.write_llama(tmp_path / "tiny.gguf")
    with pytest.raises(ModelFailed, match="q8_0"):
        await dry_runs().weigh(str(path), LoadOptions(kv_type="q8_0"))
    with pytest.raises(ModelFailed, match="cannot load"):
        await dry_runs().weigh(str(tmp_path / "none.gguf"), LoadOptions())


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("print('{}')", "said nothing"),
        ("print('hello')", "makes no sense"),
        ("import time; time.sleep(60)", "did not say within 0.5 s"),
    ],
)
async def test_a_process_that_fails_is_no_more_than_an_answer(program: str, told: str) -> None:
    runs = dry_runs(sys.executable, "-c", program, timeout_s=0.5 if "60" in program else 30.0)
    with pytest.raises(ModelFailed, match=told):
        await runs.weigh("/nowhere", LoadOptions())
