"""A model that cannot be loaded says why; one that is says what it is."""

from pathlib import Path

import msgspec
import pytest

from tests.contract.backends.conftest import ALL, DEMO, OPTIONS, Open, with_mlx
from tests.support import tiny_models
from velocity_local.core.models import LoadOptions
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import BackendError

ENGINES = with_mlx(("llama",), "mlx-llama")
STATES = with_mlx(("mamba",), "mlx-mamba", "mlx-lfm2")


@pytest.fixture
def sound(tmp_path: Path) -> bytes:
    return tiny_models.write_llama(tmp_path / "sound.gguf").read_bytes()


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda data: data[: len(data) // 2], "not within the file bounds"),
        (lambda data: data[:2000], "failed to read"),
        (lambda data: b"", "."),
        (lambda data: b"NOPE" + data[4:], "magic"),
        (lambda data: data.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"), "ffn_up"),
        (lambda data: data.replace(b"general.architecture", b"general.architectura"), "arch"),
    ],
    ids=["truncated weights", "truncated header", "empty", "not GGUF", "no tensor", "no key"],
)
def test_an_unsound_file_is_refused_with_the_librarys_reason(cut, reason, sound, tmp_path) -> None:  # type: ignore[no-untyped-def]  # a table
    path = tmp_path / "unsound.gguf"
    path.write_bytes(cut(sound))
    with pytest.raises(BackendError, match=reason):
        registry.load(str(path), OPTIONS)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"nowhere\.gguf"):
        registry.load(str(tmp_path / "nowhere.gguf"), OPTIONS)


def test_a_backend_that_is_not_built_in_is_refused_by_name() -> None:
    unknown = msgspec.structs.replace(LoadOptions(), backend="vllm")
    with pytest.raises(BackendError, match="no backend 'vllm' in this build; there are fake"):
        registry.load("x", unknown)


def test_after_a_refusal_the_process_can_load_a_sound_file(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "unsound.gguf").write_bytes(sound[:5000])
    with pytest.raises(BackendError):
        registry.load(str(tmp_path / "unsound.gguf"), OPTIONS)
    backend = registry.load(str(tmp_path / "sound.gguf"), OPTIONS)
    assert backend.capabilities.can_generate
    backend.close()


@pytest.mark.parametrize("name", ALL)
def test_what_was_loaded_agrees_with_its_capabilities(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    loaded, capabilities = backend.loaded, backend.capabilities
    assert loaded.n_vocab == capabilities.n_vocab == backend.tokenizer.n_vocab
    assert loaded.n_ctx == capabilities.n_ctx <= loaded.n_ctx_train
    assert capabilities.n_cells >= capabilities.n_ctx
    assert capabilities.n_batch >= capabilities.n_seq_max == loaded.n_seq_max
    assert loaded.has_chat_template == (backend.tokenizer.chat_template is not None)
    assert (loaded.can_generate, loaded.can_embed) == (True, False)


@pytest.mark.parametrize("name", with_mlx(("demo",), "mlx-demo"))
def test_the_demo_model_is_measured(name: str, open_backend: Open) -> None:
    loaded = open_backend(name).loaded
    assert loaded.memory_bytes > DEMO.stat().st_size * 0.9
    assert loaded.kv_bytes_per_token > 0
    assert loaded.description
    assert loaded.load_ms > 0


@pytest.mark.parametrize("name", ENGINES)
def test_cells_may_outnumber_the_context_of_one_sequence(name: str, open_backend: Open) -> None:
    many = msgspec.structs.replace(OPTIONS, n_ctx=4096)
    capabilities = open_backend(name, many).capabilities
    assert (capabilities.n_ctx, capabilities.n_cells) == (tiny_models.N_CTX, 4096)


@pytest.mark.parametrize("kv_type", ["f16", "f32", "q8_0"])
def test_every_cache_type_loads(kv_type: str, open_backend: Open) -> None:
    wide_enough = msgspec.structs.replace(OPTIONS, kv_type=kv_type)
    assert open_backend("demo", wide_enough).loaded.kv_bytes_per_token > 0


LIMITS = [*((name, 255) for name in ENGINES), *((name, 8) for name in STATES)]


@pytest.mark.parametrize(("name", "n_seq_max"), LIMITS)
def test_no_more_sequences_than_the_library_or_the_memory_takes(
    name: str, n_seq_max: int, open_backend: Open
) -> None:
    many = msgspec.structs.replace(OPTIONS, n_seq_max=1000)
    backend = open_backend(name, many)
    assert backend.capabilities.n_seq_max == backend.loaded.n_seq_max == n_seq_max
