"""Models of other programs: found, taken over without a copy, counted, removed, left alone."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from tests.support.gguf import LLAMA, gguf
from tests.support.mlx import mlx_files, put_mlx
from tests.unit.daemon.catalog.folders import put, put_split
from tests.unit.daemon.catalog.stores import Stores, named
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import (
    Conflict,
    InvalidModel,
    InvalidRequest,
    ModelNotFound,
    NotFound,
)
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog.adopted import AdoptedFiles
from velocity_local.daemon.catalog.aliases import Aliases
from velocity_local.daemon.catalog.library import Library
from velocity_local.daemon.catalog.local import LocalCatalog


class House:
    """A library over real folders; `in_use` and `downloading` are what a test says."""

    def __init__(self, root: Path) -> None:
        self.models = root / "models"
        self.models.mkdir()
        self.stores = Stores(root / "stores")
        self.adopted = AdoptedFiles(root / "adopted.json")
        demo = put(root / "shipped" / "demo.gguf")
        self.aliases = Aliases(root / "aliases.json", clock=ManualClock())
        self.catalog = LocalCatalog(
            self.models,
            demo=demo,
            clock=ManualClock(),
            adopted=self.adopted.all,
            alias=self.aliases.model,
        )
        self.in_use: list[str] = []
        self.downloading: list[Path] = []
        self.library = Library(
            self.models,
            stores=self.stores.paths,
            catalog=self.catalog,
            adopted=self.adopted,
            in_use=lambda: self.in_use,
            downloading=lambda: self.downloading,
            aliases=self.aliases,
            clock=ManualClock(),
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def found(house: House, folder: Path | None = None) -> dict[str, tuple[str, bool, str]]:
    sightings = await house.library.sightings(str(folder) if folder else None)
    return {one.id: (one.store, one.is_imported, one.problem) for one in sightings}


async def test_the_models_of_all_three_programs_are_found(house: House) -> None:
    house.stores.huggingface("owner/tiny-GGUF", "tiny-Q8_0.gguf", named("a"))
    house.stores.ollama("tiny", "latest", named("b"))
    house.stores.lm_studio("owner/other-GGUF/other-Q4_0.gguf", named("c"))
    assert await found(house) == {
        "owner/tiny-GGUF/tiny-Q8_0": ("huggingface", False, ""),
        "ollama/tiny-latest": ("ollama", False, ""),
        "owner/other-GGUF/other-Q4_0": ("lm studio", False, ""),
    }


async def test_programs_that_are_not_here_keep_nothing(house: House) -> None:
    assert await found(house) == {}


@pytest.mark.parametrize("store", ["huggingface", "ollama", "lm studio"])
async def test_a_model_is_taken_over_without_a_copy(house: House, store: str) -> None:
    data = named(store)
    path = {
        "huggingface": lambda: house.stores.huggingface("o/r", "m-Q8_0.gguf", data),
        "ollama": lambda: house.stores.ollama("m", "q8", data),
        "lm studio": lambda: house.stores.lm_studio("o/r/m-Q8_0.gguf", data),
    }[store]()
    entry = await house.library.adopt(str(path), None)
    assert entry.name == store
    assert path.samefile(entry.path)
    assert [one.is_imported for one in await house.library.sightings(None)] == [True]
    removed = await house.library.remove(entry.id)
    assert removed.shared_bytes == removed.size_bytes == len(data)
    assert path.read_bytes() == data
    assert list(house.models.iterdir()) == []


async def test_the_parts_of_a_model_in_a_cache_get_their_names_back(
    house: House, tmp_path: Path
) -> None:
    put_split(tmp_path / "made", "big-Q8_0", 2)
    for part in sorted((tmp_path / "made").iterdir()):
        link = house.stores.huggingface("o/big-GGUF", part.name, part.read_bytes())
    (sighting,) = await house.library.sightings(None)
    assert (sighting.id, len(sighting.files)) == ("o/big-GGUF/big-Q8_0", 2)
    entry = await house.library.adopt(sighting.files[0], None)
    assert (entry.id, entry.parameters) == ("o/big-GGUF/big-Q8_0", 2 * 64)
    assert link.exists()


async def test_a_folder_in_mlx_format_is_taken_over_file_by_file(house: House) -> None:
    files = mlx_files() | {"1_Pooling/config.json": b"{}"}
    for name, data in reversed(files.items()):
        link = house.stores.huggingface("mlx-community/Tiny-4bit", name, data)
    (sighting,) = await house.library.sightings(None)
    assert (sighting.id, sighting.problem) == ("mlx-community/Tiny-4bit", "")
    entry = await house.library.adopt(str(link.parent), None)
    assert (entry.id, entry.format) == ("mlx-community/Tiny-4bit", "mlx")
    assert [one.is_imported for one in await house.library.sightings(None)] == [True]
    (item,) = [item for item in await house.library.disk() if item.model == entry.id]
    assert item.size_bytes == item.shared_bytes == sum(map(len, files.values()))
    await house.library.remove(entry.id)
    assert list(house.models.iterdir()) == []
    assert link.read_bytes()


async def test_a_folder_that_wants_code_run_is_not_taken_over(house: House, tmp_path: Path) -> None:
    folder = put_mlx(tmp_path / "evil", mlx_files(model_file="evil.py"))
    assert "never run" in (await found(house, folder))["imported/evil"][2]
    with pytest.raises(InvalidModel, match="never run"):
        await house.library.adopt(str(folder), None)
    assert list(house.models.iterdir()) == []


async def test_a_file_on_another_disk_is_only_referred_to(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    path = put(tmp_path / "elsewhere" / "m.gguf", named("far"))
    entry = await house.library.adopt(str(path), "mine/far")
    assert (entry.id, entry.path) == ("mine/far", str(path))
    again = AdoptedFiles(tmp_path / "adopted.json")
    assert [model.id for model in again.all()] == ["mine/far"]
    removed = await house.library.remove("mine/far")
    assert removed.is_reference
    assert path.exists()
    with pytest.raises(ModelNotFound):
        await house.catalog.resolve("mine/far")


@pytest.mark.parametrize(
    "digest",
    ["sha256:../../../etc/passwd", "sha256-" + "0" * 64, "md5:0", "", "sha256:" + "A" * 64],
)
async def test_a_manifest_that_points_elsewhere_is_no_model(house: House, digest: str) -> None:
    house.stores.ollama("evil", "latest", named("x"), digest=digest or "none")
    assert await found(house) == {}


async def test_a_damaged_file_is_shown_as_such_and_not_taken(house: House) -> None:
    path = house.stores.lm_studio("o/r/bad-Q8_0.gguf", named("bad")[:200])
    ((_, _, problem),) = (await found(house)).values()
    assert "at byte" in problem
    with pytest.raises(InvalidModel, match="at byte"):
        await house.library.adopt(str(path), None)
    assert list(house.models.iterdir()) == []


@pytest.mark.parametrize("text", ["", "m.gguf", "/nowhere/m.gguf", "/dev/zero", "/etc/passwd", "~"])
async def test_what_is_no_model_file_is_refused(house: House, text: str) -> None:
    with pytest.raises((InvalidRequest, InvalidModel)):
        await house.library.adopt(text, None)


@pytest.mark.parametrize("name", ["../up", "/abs", "a\\b", "a:b", ".hidden", "", "con"])
async def test_a_name_that_is_none_is_refused(house: House, tmp_path: Path, name: str) -> None:
    path = put(tmp_path / "m.gguf", named("x"))
    with pytest.raises(InvalidRequest, match="no name"):
        await house.library.adopt(str(path), name)


async def test_a_name_that_is_taken_is_refused(house: House, tmp_path: Path) -> None:
    put(house.models / "imported" / "m.gguf", named("old"))
    path = put(tmp_path / "m.gguf", named("new"))
    with pytest.raises(Conflict, match="another name"):
        await house.library.adopt(str(path), None)
    assert (house.models / "imported" / "m.gguf").read_bytes() == named("old")


async def test_a_model_is_removed_with_its_parts_and_its_empty_folders(house: House) -> None:
    put_split(house.models / "owner" / "big", "big-Q8_0", 3)
    put(house.models / "owner" / "kept.gguf", named("kept"))
    removed = await house.library.remove("big-Q8_0")
    assert (len(removed.files), removed.shared_bytes) == (3, 0)
    assert [path.name for path in house.models.rglob("*")] == ["owner", "kept.gguf"]


async def test_what_is_in_memory_or_shipped_is_not_removed(house: House) -> None:
    put(house.models / "a.gguf", named("a"))
    house.in_use.append("a")
    with pytest.raises(Conflict, match="unload it first"):
        await house.library.remove("a")
    with pytest.raises(Conflict, match="shipped"):
        await house.library.remove("demo")
    assert (house.models / "a.gguf").exists()


async def test_disk_counts_each_model_largest_first(house: House) -> None:
    put(house.models / "small.gguf", named("s"))
    put_split(house.models, "big", 2)
    items = {item.model: item for item in await house.library.disk()}
    assert [item.size_bytes for item in items.values()] == sorted(
        (item.size_bytes for item in items.values()), reverse=True
    )
    assert items["small"].size_bytes == (house.models / "small.gguf").stat().st_size
    assert len(items["big"].files) == 2


async def test_only_parts_that_nobody_continues_are_left_over(house: House) -> None:
    put(house.models / "kept.gguf", named("k"))
    for name in ("old", "now"):
        for end in (".part", ".part.json"):
            put(house.models / "o" / f"{name}.gguf{end}", b"x")
    house.downloading.append(house.models / "o" / "now.gguf")
    assert {Path(item.path).name for item in await house.library.leftovers()} == {
        "old.gguf.part",
        "old.gguf.part.json",
    }
    await house.library.clean()
    assert sorted(path.name for path in house.models.rglob("*.*")) == [
        "kept.gguf",
        "now.gguf.part",
        "now.gguf.part.json",
    ]


async def checked(house: House, name: str) -> list[str]:
    check = await house.library.verify(name)
    async with asyncio.timeout(20):
        while True:
            now = house.library.checks.get(check.id)
            if now.state != "running":
                break
            await asyncio.sleep(0.01)
    assert (now.state, now.done_bytes) == ("done", now.total_bytes)
    return [file.outcome for file in now.files]


async def test_a_model_of_a_store_that_names_its_bytes_is_verified(house: House) -> None:
    path = house.stores.ollama("tiny", "latest", named("b"))
    entry = await house.library.adopt(str(path), None)
    assert await checked(house, entry.id) == ["right"]
    (origin,) = (await house.library.about(entry.id)).origins
    assert origin.repository == "ollama: ollama/tiny-latest"
    path.write_bytes(named("c"))
    assert await checked(house, entry.id) == ["wrong"]
    await house.library.remove(entry.id)
    assert list(house.models.rglob("*")) == []


async def test_of_a_file_that_nobody_promised_nothing_is_known(house: House) -> None:
    put(house.models / "mine.gguf", named("m"))
    assert await checked(house, "mine") == ["unknown"]
    with pytest.raises(NotFound):
        house.library.checks.get("ck_none")


async def test_a_projector_goes_with_the_last_model_of_its_folder(house: House) -> None:
    folder = house.models / "o" / "eye"
    put(folder / "eye-Q8_0.gguf", named("a"))
    put(folder / "eye-Q4_0.gguf", named("b"))
    put(folder / "mmproj-eye-F16.gguf", b"p")
    await house.library.remove("eye-Q8_0")
    assert (folder / "mmproj-eye-F16.gguf").exists()
    await house.library.remove("eye-Q4_0")
    assert list(house.models.iterdir()) == []


async def test_what_a_file_says_is_told(house: House) -> None:
    template = "{{ messages }}" * 1000
    values = LLAMA | {"tokenizer.chat_template": template, "general.url": "x" * 1000}
    put(house.models / "tiny.gguf", gguf(values))
    about = await house.library.about("tiny")
    assert (about.template, about.origins) == (template, ())
    assert (about.values["general.license"], len(str(about.values["general.url"]))) == ("mit", 400)
    assert about.files == (str((house.models / "tiny.gguf").resolve()),)


@pytest.mark.parametrize("where", ["tokenizer_config.json", "chat_template.jinja"])
async def test_what_a_folder_says_is_told(house: House, where: str) -> None:
    put_mlx(house.models / "tiny")
    (house.models / "tiny" / "chat_template.jinja").write_text("{{ own }}")
    if where == "tokenizer_config.json":
        (house.models / "tiny" / "chat_template.jinja").unlink()
    about = await house.library.about("tiny")
    assert about.template == ("{{ own }}" if where == "chat_template.jinja" else "{{ messages }}")
    assert (about.values["model_type"], "quantization" in about.values) == ("llama", False)


async def test_a_file_that_is_no_model_any_more_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(house.models / "tiny.gguf", named("tiny"))
    entry = await house.catalog.resolve("tiny")
    path.write_bytes(b"GGUF")

    async def as_before(_: str) -> ModelEntry:
        return entry

    monkeypatch.setattr(house.catalog, "resolve", as_before)
    with pytest.raises(InvalidModel, match="cannot be read"):
        await house.library.about("tiny")


async def test_an_alias_stands_for_a_model_and_goes_back(house: House, tmp_path: Path) -> None:
    put(house.models / "old.gguf", named("old"))
    put(house.models / "new.gguf", named("new"))
    house.aliases.set("best", "old")
    house.aliases.set("best", "new")
    assert (await house.catalog.resolve("best")).id == "new"
    assert house.aliases.roll_back("best").model == "old"
    again = Aliases(tmp_path / "aliases.json", clock=ManualClock())
    (alias,) = again.all()
    assert (alias.model, alias.standby) == ("old", 2)
    assert [version.model for version in alias.versions] == ["old", "new"]
    house.aliases.remove("best")
    with pytest.raises(ModelNotFound):
        await house.catalog.resolve("best")


async def test_a_model_of_that_name_goes_before_an_alias(house: House) -> None:
    put(house.models / "a.gguf", named("a"))
    put(house.models / "b.gguf", named("b"))
    await house.catalog.refreshed()
    house.aliases.set("a", "b")
    assert (await house.catalog.resolve("a")).id == "a"


async def test_an_alias_of_a_model_that_is_gone_names_it(house: House) -> None:
    house.aliases.set("best", "gone")
    with pytest.raises(ModelNotFound, match="gone"):
        await house.catalog.resolve("best")


def test_what_is_no_alias_is_refused(house: House) -> None:
    for name in ("", "a/b", "a:b", "-a", "a" * 65, "\u202e"):
        with pytest.raises(InvalidRequest):
            house.aliases.set(name, "m")
    house.aliases.set("once", "m")
    with pytest.raises(Conflict, match="was never"):
        house.aliases.roll_back("once")
    with pytest.raises(NotFound):
        house.aliases.remove("none")


def test_versions_are_kept_in_order_and_bounded(house: House) -> None:
    for number in range(200):
        alias = house.aliases.set("busy", f"m{number}")
    assert len(alias.versions) <= 50
    assert [version.number for version in alias.versions] == sorted(
        version.number for version in alias.versions
    )
    assert (alias.model, alias.version(alias.standby or 0).model) == ("m199", "m198")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"aliases": 3}',
        b'{"aliases":[{"name":"a","active":9,"standby":null,"versions":[]}]}',
    ],
)
def test_a_file_that_is_damaged_has_no_aliases(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "aliases.json").write_bytes(text)
    assert Aliases(tmp_path / "aliases.json", clock=ManualClock()).all() == ()
