"""The catalog: what is listed, under which id, what a name stands for, and what is refused."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.gguf import LLAMA, Tensor, gguf
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import InvalidModel, ModelNotFound
from velocity_local.daemon.catalog import preflight
from velocity_local.daemon.catalog.local import FRESH_S, LocalCatalog

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="no such files on Windows")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def catalog(root: Path, tmp_path: Path, clock: ManualClock) -> LocalCatalog:
    demo = tmp_path / "shipped" / "velocity-demo.gguf"
    put(demo)
    return LocalCatalog(root, demo=demo, clock=clock)


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf() if data is None else data)
    return path


def put_split(root: Path, name: str, parts: int, *, write: int | None = None) -> None:
    for part in range(write or parts):
        values = (LLAMA if part == 0 else {}) | {"split.count": parts, "split.no": part}
        data = gguf(values, [Tensor(f"t{part}", (64,))])
        put(root / f"{name}-{part + 1:05d}-of-{parts:05d}.gguf", data)


def ids(catalog: LocalCatalog) -> list[str]:
    return [entry.id for entry in catalog.scan().entries]


def broken(catalog: LocalCatalog) -> dict[str, str]:
    return {model.id: model.reason for model in catalog.scan().broken}


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


@posix_only
def test_links_out_of_the_folder_are_refused(
    root: Path, catalog: LocalCatalog, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside.gguf")
    (root / "escape.gguf").symlink_to(outside)
    (root / "nowhere.gguf").symlink_to(tmp_path / "none")
    (root / "folder").symlink_to(tmp_path)
    assert ids(catalog) == ["demo"]
    assert "leads out" in broken(catalog)["escape"]
    assert "leads nowhere" in broken(catalog)["nowhere"]


@posix_only
def test_links_inside_the_folder_are_fine(root: Path, catalog: LocalCatalog) -> None:
    put(root / "blobs" / "real.gguf")
    (root / "alias.gguf").symlink_to(root / "blobs" / "real.gguf")
    (root / "loop").symlink_to(root)
    assert ids(catalog) == ["demo", "alias", "blobs/real"]


@posix_only
def test_pipes_devices_and_folders_are_refused_without_waiting(
    root: Path, catalog: LocalCatalog
) -> None:
    os.mkfifo(root / "pipe.gguf")
    (root / "folder.gguf").mkdir()
    (root / "device.gguf").symlink_to("/dev/zero")
    assert ids(catalog) == ["demo"]
    assert broken(catalog)["pipe"] == "not a plain file"
    assert "leads out" in broken(catalog)["device"]


@posix_only
def test_names_that_cannot_be_printed_are_refused(root: Path, catalog: LocalCatalog) -> None:
    put(root / "evil\x1b[2J.gguf")
    (root / os.fsdecode(b"\xff.gguf")).write_bytes(gguf())
    assert ids(catalog) == ["demo"]
    assert all(name.isprintable() for name in broken(catalog))


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
