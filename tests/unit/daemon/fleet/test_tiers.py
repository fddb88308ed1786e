from pathlib import Path

from velocity_local.config.settings import EngineSettings
from velocity_local.core.kv import NO_TIERS
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.fleet.tiers import MAX_RAM_BYTES, Tiers

SECRET = b"s" * 32


def entry(name: str) -> ModelEntry:
    return ModelEntry(name, f"/{name}", "gguf", 1, f"print of {name}", 0)


def test_each_model_has_a_folder_and_a_key_of_its_own() -> None:
    tiers = Tiers(EngineSettings(), Path("/kv"), SECRET)
    one, other = tiers.of(entry("a")), tiers.of(entry("b"))
    assert one == tiers.of(entry("a"))
    assert one.fingerprint != other.fingerprint
    assert one.key != other.key
    assert SECRET not in one.key
    assert 0 < one.ram_bytes <= MAX_RAM_BYTES


def test_another_installation_has_other_keys() -> None:
    keys = {Tiers(EngineSettings(), Path("/kv"), s).of(entry("a")).key for s in (SECRET, b"t" * 32)}
    assert len(keys) == 2


def test_without_memory_there_are_no_tiers() -> None:
    settings = EngineSettings(kv_ram_bytes=0)
    assert Tiers(settings, Path("/kv"), SECRET).of(entry("a")) == NO_TIERS


def test_the_key_is_not_shown() -> None:
    tiers = Tiers(EngineSettings(), Path("/kv"), SECRET).of(entry("a"))
    assert repr(tiers.key) not in repr(tiers)
