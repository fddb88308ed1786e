"""The catalog: what is listed, under which id, what a name stands for, and what is refused."""

from pathlib import Path

import pytest

from tests.support.gguf import LLAMA, gguf
from tests.unit.daemon.catalog.folders import broken, ids, put, put_split
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import InvalidModel, ModelNotFound
from velocity_local.daemon.catalog import preflight
from velocity_local.daemon.catalog.local import FRESH_S, LocalCatalog


def test_ids_are_paths_below_the_folder_and_the_demo_comes_first(
    root: Path, catalog: LocalCatalog
) -> None:
    put(root / "b.gguf")
    put(root / "qwen" / "A-Q4_K_M.GGUF")
    put(root / "notes.txt")
    assert ids(catalog) == ["demo", "b", "qwen/A-Q4_K_M"]


def test_a_missing_folder_and_a_missing_demo_list_nothing(tmp_path: Path) -> None:
    nowhere = LocalCatalog(tmp_path / "no", demo=tmp_path / "none.gguf", clock=ManualClock())
    assert nowhere.scan() == ((), ())


def test_an_entry_carries_the_facts(root: Path, catalog: LocalCatalog) -> None:
    path = put(root / "tiny.gguf")
    entry = catalog.scan().entries[1]
    assert (entry.path, entry.size_bytes) == (str(path.resolve()), path.stat().st_size)
    assert (entry.architecture, entry.quantization, entry.licence) == ("llama", "F16", "mit")
    assert entry.kv_bytes_per_token == 256


def test_a_model_in_parts_is_one_entry(root: Path, catalog: LocalCatalog) -> None:
    put_split(root, "big", 3)
    entry = catalog.scan().entries[1]
    assert (entry.id, entry.parameters) == ("big", 3 * 64)
    assert entry.size_bytes == sum(path.stat().st_size for path in root.iterdir())


def test_a_model_with_a_missing_part_is_broken(root: Path, catalog: LocalCatalog) -> None:
    put_split(root, "big", 3, write=2)
    assert "00003-of-00003" in broken(catalog)["big"]


def test_a_part_that_is_damaged_breaks_the_model(root: Path, catalog: LocalCatalog) -> None:
    put_split(root, "big", 2)
    put(root / "big-00002-of-00002.gguf", b"GGUF")
    assert "ends here" in broken(catalog)["big"]


def test_parts_that_disagree_with_the_name_are_broken(root: Path, catalog: LocalCatalog) -> None:
    put(root / "x.gguf", gguf(LLAMA | {"split.count": 2}))
    assert "2 parts" in broken(catalog)["x"]


def test_fingerprints_follow_content_not_names(root: Path, catalog: LocalCatalog) -> None:
    put(root / "a.gguf")
    put(root / "b.gguf")
    put(root / "tuned.gguf", gguf()[:-1] + b"\x01")
    put(root / "renamed.gguf", gguf(LLAMA | {"general.name": "Tinz"}))
    prints = {entry.id: entry.fingerprint for entry in catalog.scan().entries}
    assert prints["a"] == prints["b"] == prints["demo"]
    assert len(set(prints.values())) == 3


def test_projectors_are_not_listed(root: Path, catalog: LocalCatalog) -> None:
    put(root / "mmproj.gguf", gguf(LLAMA | {"general.type": "mmproj"}))
    assert ids(catalog) == ["demo"]
    assert broken(catalog) == {}


def test_a_file_with_the_demo_name_is_told_so(root: Path, catalog: LocalCatalog) -> None:
    put(root / "demo.gguf", gguf(LLAMA | {"general.name": "mine"}))
    assert ids(catalog) == ["demo"]
    assert "rename" in broken(catalog)["demo"]


def test_unchanged_files_are_not_read_again(
    root: Path, catalog: LocalCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "a.gguf")
    first = catalog.scan()
    monkeypatch.setattr(preflight, "read_header", None)
    assert catalog.scan() == first


def test_a_changed_file_is_read_again(root: Path, catalog: LocalCatalog) -> None:
    path = put(root / "a.gguf")
    catalog.scan()
    path.write_bytes(gguf(LLAMA | {"general.name": "Another"}))
    assert catalog.scan().entries[1].name == "Another"


async def test_the_listing_is_kept_for_a_moment(
    root: Path, catalog: LocalCatalog, clock: ManualClock
) -> None:
    before = await catalog.listing()
    put(root / "new.gguf")
    assert await catalog.listing() is before
    clock.advance(FRESH_S)
    assert len((await catalog.listing()).entries) == 2


async def test_a_model_that_was_just_put_there_is_found_at_once(
    root: Path, catalog: LocalCatalog
) -> None:
    await catalog.listing()
    put(root / "new.gguf")
    assert (await catalog.resolve("new")).id == "new"


async def test_a_model_that_was_just_damaged_is_refused_at_once(
    root: Path, catalog: LocalCatalog
) -> None:
    path = put(root / "a.gguf")
    await catalog.resolve("a")
    path.write_bytes(gguf()[:300])
    with pytest.raises(InvalidModel, match="ends here") as caught:
        await catalog.resolve("a")
    assert caught.value.info().details["offset"] == 291
    assert (caught.value.status, caught.value.param) == (400, "model")


async def test_a_model_that_was_deleted_is_not_found(root: Path, catalog: LocalCatalog) -> None:
    path = put(root / "a.gguf")
    await catalog.resolve("a")
    path.unlink()
    with pytest.raises(ModelNotFound):
        await catalog.resolve("a")


def test_an_entry_is_current_until_its_file_is_another(root: Path, catalog: LocalCatalog) -> None:
    path = put(root / "a.gguf")
    entry = catalog.scan().entries[1]
    assert catalog.is_current(entry)
    path.write_bytes(gguf(LLAMA | {"general.name": "Another"}))
    assert not catalog.is_current(entry)
    catalog.scan()
    assert not catalog.is_current(entry)
    path.unlink()
    assert not catalog.is_current(entry)
