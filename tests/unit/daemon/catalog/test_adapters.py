"""Names of adapters, over real files: what they resolve to, and what outlives the daemon."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support import tiny_adapters, tiny_mlx, tiny_models
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import Conflict, InvalidAdapter, ModelNotFound
from velocity_local.daemon.catalog.adapters.registry import Registry
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.local import LocalCatalog


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    (folder / "org").mkdir(parents=True)
    tiny_models.write_llama(folder / "org" / "Tiny.gguf")
    tiny_models.write_llama(folder / "odd:name.gguf")
    tiny_adapters.write_llama_adapter(folder / "pirate.gguf")
    return folder


def shelf_of(models: Path) -> AdapterShelf:
    """As a daemon has it that starts now."""
    return AdapterShelf(
        LocalCatalog(models, demo=None, clock=ManualClock()),
        Registry(models.parent / "adapters.json"),
        models=models,
        available_bytes=lambda: 2**30,
        forget=lambda _model, _key: None,
    )


@pytest.fixture
async def shelf(models: Path) -> AdapterShelf:
    shelf = shelf_of(models)
    await shelf.add("org/Tiny", "pirate", "pirate.gguf", 1.0)
    return shelf


@pytest.mark.parametrize("name", ["org/Tiny:pirate", "tiny:pirate", "ORG/tiny.gguf:pirate"])
async def test_the_model_may_be_named_as_it_may_be_alone(name: str, shelf: AdapterShelf) -> None:
    entry = await shelf.resolve(name)
    assert entry.id == "org/Tiny"
    assert entry.asked_id == "org/Tiny:pirate"
    assert entry.adapter in entry.adapters


async def test_the_model_alone_has_no_adapter(shelf: AdapterShelf) -> None:
    entry = await shelf.resolve("tiny")
    assert entry.adapter is None
    assert entry.asked_id == "org/Tiny"
    assert [adapter.id for adapter in entry.adapters] == ["org/Tiny:pirate"]


async def test_a_models_own_name_may_hold_a_colon(shelf: AdapterShelf) -> None:
    assert (await shelf.resolve("odd:name")).id == "odd:name"
    await shelf.add("odd:name", "x", "pirate.gguf", 1.0)
    assert (await shelf.resolve("odd:name:x")).asked_id == "odd:name:x"


async def test_an_unknown_name_tells_what_there_is(shelf: AdapterShelf) -> None:
    with pytest.raises(ModelNotFound, match="has no adapter 'pirat'; it has pirate"):
        await shelf.resolve("tiny:pirat")
    with pytest.raises(ModelNotFound, match="'odd:name' has no adapter 'y'; it has none"):
        await shelf.resolve("odd:name:y")
    with pytest.raises(ModelNotFound, match="no model 'none:pirate'"):
        await shelf.resolve("none:pirate")


async def test_only_known_ids_become_labels_of_metrics(shelf: AdapterShelf) -> None:
    await shelf.entries()
    assert shelf.knows("org/Tiny")
    assert shelf.knows("org/Tiny:pirate")
    assert not shelf.knows("org/Tiny:other")


@pytest.fixture
async def mlx(models: Path) -> AdapterShelf:
    """A model in MLX's format, and an adapter as mlx-lm writes it."""
    tiny_mlx.write_folder(models / "apple", tiny_mlx.LLAMA)
    tiny_mlx.write_adapter(models / "lora")
    return shelf_of(models)


async def test_models_in_mlx_format_have_adapters_in_safetensors(mlx: AdapterShelf) -> None:
    adapter = await mlx.add("apple", "pirate", "lora/adapters.safetensors", 1.0)
    assert adapter.rank == tiny_mlx.RANK
    assert adapter.tensors == len(tiny_mlx.adapter_weights())
    assert (await mlx.resolve("apple:pirate")).adapter == adapter


async def test_other_settings_make_another_adapter(mlx: AdapterShelf, models: Path) -> None:
    first = await mlx.add("apple", "pirate", "lora/adapters.safetensors", 1.0)
    settings = {"fine_tune_type": "lora", "lora_parameters": {"rank": 4, "scale": 9.0}}
    (models / "lora" / "adapter_config.json").write_text(json.dumps(settings))
    changed = (await mlx.resolve("apple:pirate")).adapter
    assert changed is not None
    assert changed.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"x.lora_a": (8, 2)}, "only one of its two"),
        ({"x.lora_a": (8, 2), "x.lora_b": (3, 8)}, "have ranks 2, 3"),
        ({"x.lora_A.weight": (2, 8), "x.lora_B.weight": (8, 3)}, "have ranks 2, 3"),
        ({"x.weight": (8, 8)}, "no half of a pair"),
        ({"x.lora_a": (8,), "x.lora_b": (1, 8)}, "no half of a pair"),
    ],
)
async def test_what_is_no_adapter_in_safetensors_is_refused(
    shapes: dict[str, tuple[int, ...]], reason: str, mlx: AdapterShelf, models: Path
) -> None:
    weights = {name: np.ones(shape, np.float16) for name, shape in shapes.items()}
    tiny_mlx.write_adapter(models / "bad", weights=weights)
    with pytest.raises(InvalidAdapter, match=reason):
        await mlx.add("apple", "bad", "bad/adapters.safetensors", 1.0)


@pytest.mark.parametrize("settings", ["{", "[]", None], ids=["cut", "a list", "missing"])
async def test_an_adapter_in_safetensors_needs_sound_settings(
    settings: str | None, mlx: AdapterShelf, models: Path
) -> None:
    file = models / "lora" / "adapter_config.json"
    file.unlink() if settings is None else file.write_text(settings)
    with pytest.raises(InvalidAdapter, match=r"adapter_config\.json|No such file"):
        await mlx.add("apple", "pirate", "lora/adapters.safetensors", 1.0)


async def test_an_adapter_in_gguf_is_not_for_models_in_mlx_format(mlx: AdapterShelf) -> None:
    with pytest.raises(InvalidAdapter, match=r"are \.safetensors files"):
        await mlx.add("apple", "pirate", "pirate.gguf", 1.0)


async def test_names_outlive_the_daemon(models: Path, shelf: AdapterShelf) -> None:
    before = (await shelf.resolve("tiny:pirate")).adapter
    assert (await shelf_of(models).resolve("tiny:pirate")).adapter == before


async def test_a_file_written_anew_is_looked_at_anew(models: Path, shelf: AdapterShelf) -> None:
    before = (await shelf.resolve("tiny:pirate")).adapter
    assert before is not None
    tiny_adapters.write_llama_adapter(models / "pirate.gguf", seed=2)
    after = (await shelf.resolve("tiny:pirate")).adapter
    assert after is not None
    assert after.key != before.key
    (models / "pirate.gguf").write_bytes(b"GGUF")
    with pytest.raises(InvalidAdapter, match="'org/Tiny:pirate' cannot be used"):
        await shelf.resolve("tiny:pirate")
    assert (await shelf.resolve("tiny")).adapters == ()


async def test_a_model_written_anew_is_held_against_its_adapters(
    models: Path, shelf: AdapterShelf
) -> None:
    await shelf.resolve("tiny:pirate")
    tiny_models.write_recurrent(models / "org" / "Tiny.gguf")
    with pytest.raises(InvalidAdapter, match="the model is 'mamba'"):
        await shelf.resolve("tiny:pirate")


async def test_a_link_out_of_the_folder_is_refused(models: Path, shelf: AdapterShelf) -> None:
    outside = tiny_adapters.write_llama_adapter(models.parent / "outside.gguf")
    (models / "link.gguf").symlink_to(outside)
    with pytest.raises(InvalidAdapter, match="out of the models folder"):
        await shelf.add("tiny", "link", "link.gguf", 1.0)


async def test_a_file_of_names_that_is_broken_is_put_aside(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = models.parent / "adapters.json"
    file.write_bytes(b'{"adapters": [{"model": 7}]}')
    shelf = shelf_of(models)
    assert await shelf.shelved() == []
    assert file.with_suffix(".broken").exists()
    assert "cannot be used" in caplog.text
    await shelf.add("tiny", "pirate", "pirate.gguf", 1.0)


async def test_there_is_an_end_to_how_many(
    models: Path, shelf: AdapterShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("velocity_local.daemon.catalog.adapters.registry.MAX_ADAPTERS", 1)
    with pytest.raises(Conflict, match="remove one first"):
        await shelf.add("tiny", "second", "pirate.gguf", 1.0)


async def test_a_record_that_somebody_mangled_is_told_and_harms_no_other(
    models: Path, shelf: AdapterShelf
) -> None:
    file = models.parent / "adapters.json"
    mangled = file.read_text().replace('"path": "', '"path": "\\u0000')
    file.write_text(mangled.replace('"name": "pirate"', '"name": "mangled"'))
    again = shelf_of(models)
    await again.add("tiny", "sound", "pirate.gguf", 1.0)
    problems = {one.record.name: one.problem for one in await again.shelved()}
    assert problems["sound"] is None
    assert "cannot be used" in str(problems["mangled"])
    assert (await again.resolve("tiny:sound")).adapter is not None
