"""Default < tuned < file < environment < flag."""

from pathlib import Path

import msgspec
import pytest

from velocity_local.config.load import Loaded, load
from velocity_local.core.aliases import LoadConfig
from velocity_local.core.models import ModelEntry
from velocity_local.core.tuning import TunedValues
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.fleet.tuning.policy import LoadPolicy

ENTRY = ModelEntry("m", "/m.gguf", "gguf", 1, "print", 1)
OTHER = ModelEntry("n", "/n.gguf", "gguf", 1, "other print", 1)
FOUND = TunedValues(n_threads=3, n_batch=1024, flash_attention=False)


def settings(folder: Path, file: str = "", environ: dict[str, str] | None = None) -> Loaded:
    (folder / "config.toml").write_text(file)
    home = {"VELOCITY_HOME": str(folder)}
    return load(environ=home | (environ or {}), overrides={"engine.kv_type": "f32"})


def policy(folder: Path, loaded: Loaded, *, machine: str = "here") -> LoadPolicy:
    store = TunedStore(folder / "tuned.json", machine="here")
    store.put("print", "m", FOUND, cost=0.8, now_s=1.0)
    store = TunedStore(folder / "tuned.json", machine=machine)
    return LoadPolicy(loaded.settings.engine, loaded.origins, store)


def origins(one: LoadPolicy, entry: ModelEntry = ENTRY) -> dict[str, str]:
    return {item.key: item.origin for item in one.effective(entry)}


def test_what_was_measured_replaces_defaults(tmp_path: Path) -> None:
    one = policy(tmp_path, settings(tmp_path))
    options = one.options(ENTRY)
    assert (options.n_threads, options.n_batch, options.flash_attention) == (3, 1024, False)
    assert one.untuned(ENTRY).n_batch == 512
    found = origins(one)
    assert found["n_threads"] == found["n_batch"] == found["flash_attention"] == "tuned"
    assert found["n_ctx"] == "default"
    assert found["kv_type"] == "flag"


def test_what_passes_cost_is_where_guessing_begins(tmp_path: Path) -> None:
    """The choice itself stays open, and is told to begin with what was measured."""
    loaded = settings(tmp_path)
    one = policy(tmp_path, loaded)
    assert (origins(one)["speculation"], one.options(ENTRY).pass_ms) == ("default", ())
    costs = ((1, 10.0), (8, 12.5))
    found = msgspec.structs.replace(FOUND, pass_ms=costs)
    TunedStore(tmp_path / "tuned.json", machine="here").put("print", "m", found, cost=1, now_s=1)
    again = LoadPolicy(
        loaded.settings.engine, loaded.origins, TunedStore(tmp_path / "tuned.json", machine="here")
    )
    assert (again.options(ENTRY).speculation, again.options(ENTRY).pass_ms) == ("auto", costs)
    assert origins(again)["speculation"] == "tuned"
    assert origins(again, OTHER)["speculation"] == "default"


def test_what_somebody_set_wins(tmp_path: Path) -> None:
    loaded = settings(tmp_path, "[engine]\nn_batch = 64\n", {"VELOCITY_ENGINE_N_THREADS": "1"})
    one = policy(tmp_path, loaded)
    options = one.options(ENTRY)
    assert (options.n_threads, options.n_batch, options.flash_attention) == (1, 64, False)
    found = origins(one)
    assert (found["n_threads"], found["n_batch"]) == ("environment", "file")


def test_another_model_and_another_machine_have_their_own(tmp_path: Path) -> None:
    loaded = settings(tmp_path)
    assert policy(tmp_path, loaded).options(OTHER).n_threads is None
    elsewhere = policy(tmp_path, loaded, machine="elsewhere")
    assert elsewhere.options(ENTRY) == elsewhere.untuned(ENTRY)


def test_what_is_set_is_not_measured(tmp_path: Path) -> None:
    one = policy(tmp_path, settings(tmp_path, "[engine]\nn_batch = 64\n"))
    assert one.tunable(with_quality=False) == (
        ("n_threads", "flash_attention", "speculation"),
        ("n_batch",),
    )
    free, fixed = one.tunable(with_quality=True)
    assert "kv_type" in fixed
    assert "kv_type" not in free


def test_a_store_outlives_the_daemon_and_forgets(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    TunedStore(file, machine="here").put("p", "m", FOUND, cost=0.8, now_s=1.0)
    again = TunedStore(file, machine="here")
    found = again.find("p")
    assert found is not None
    assert found.values == FOUND
    assert again.forget("p")
    assert not again.forget("p")
    assert TunedStore(file, machine="here").find("p") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"tuned": 7}', b"\xff\xfe"])
def test_a_broken_store_is_begun_anew(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    file.write_bytes(content)
    store = TunedStore(file, machine="here")
    assert store.find("p") is None
    store.put("p", "m", FOUND, cost=0.8, now_s=1.0)
    assert TunedStore(file, machine="here").find("p") is not None


def test_an_alias_says_the_last_word(tmp_path: Path) -> None:
    one = policy(tmp_path, settings(tmp_path))
    aliased = msgspec.structs.replace(ENTRY, alias=LoadConfig(n_ctx=4096, kv_type="q8_0"))
    options = one.options(aliased)
    assert (options.n_ctx, options.kv_type, options.n_batch) == (4096, "q8_0", 1024)
    found = origins(one, aliased)
    assert (found["n_ctx"], found["kv_type"], found["n_batch"]) == ("alias", "alias", "tuned")
