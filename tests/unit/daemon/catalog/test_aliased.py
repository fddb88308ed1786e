"""Aliases as models: what they share with their model, and what they have of their own."""

from pathlib import Path

import pytest

from tests.unit.daemon.catalog.folders import put
from tests.unit.daemon.catalog.stores import named
from velocity_local.core.aliases import AliasConfig, LoadConfig, SamplingDefaults
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import InvalidRequest, ModelNotFound
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.catalog.adapters.registry import Registry
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.aliased import AliasedCatalog
from velocity_local.daemon.catalog.aliases import Aliases
from velocity_local.daemon.catalog.local import LocalCatalog

OWN = AliasConfig(load=LoadConfig(n_ctx=4096, draft="small"))
SHARED = AliasConfig(sampling=SamplingDefaults(temperature=0.1))


@pytest.fixture
def aliases(tmp_path: Path) -> Aliases:
    return Aliases(tmp_path / "aliases.json", clock=ManualClock())


@pytest.fixture
def names(root: Path, tmp_path: Path, aliases: Aliases) -> AliasedCatalog:
    for name in ("large", "small"):
        put(root / f"{name}.gguf", named(name))
    catalog = LocalCatalog(root, demo=None, clock=ManualClock(), alias=aliases.model)
    catalog.scan()
    shelf = AdapterShelf(
        catalog,
        Registry(tmp_path / "adapters.json"),
        models=root,
        available_bytes=lambda: 2**40,
        forget=lambda *_: None,
    )
    return AliasedCatalog(shelf, aliases)


async def test_without_a_way_to_load_it_is_its_model(
    names: AliasedCatalog, aliases: Aliases
) -> None:
    aliases.set("best", "large", SHARED)
    assert (await names.resolve("best")).id == "large"
    assert [entry.id for entry in await names.entries()] == ["large", "small"]
    assert not names.knows("best")


async def test_with_one_it_is_a_model_of_its_own(names: AliasedCatalog, aliases: Aliases) -> None:
    aliases.set("best", "large", OWN)
    entry = await names.resolve("best")
    large = await names.resolve("large")
    assert (entry.id, entry.base_id, entry.path) == ("best", "large", large.path)
    assert (large.alias, entry.alias) == (None, OWN.load)
    assert entry.draft is not None
    assert entry.draft.id == "small"
    assert [entry.id for entry in await names.entries()] == ["large", "small", "best"]
    assert names.knows("best")
    assert names.is_current(entry)
    assert names.base("best") == names.base("large") == "large"


async def test_a_draft_that_is_gone_is_told(names: AliasedCatalog, aliases: Aliases) -> None:
    aliases.set("best", "large", AliasConfig(load=LoadConfig(draft="none")))
    with pytest.raises(ModelNotFound, match="'none' as its draft"):
        await names.resolve("best")


async def test_a_file_that_changed_makes_it_old(
    root: Path, names: AliasedCatalog, aliases: Aliases
) -> None:
    aliases.set("best", "large", OWN)
    entry = await names.resolve("best")
    put(root / "large.gguf", named("other"))
    assert not names.is_current(entry)
    assert (await names.resolve("best")).name == "other"


async def test_going_back_takes_the_whole_configuration_back(
    names: AliasedCatalog, aliases: Aliases
) -> None:
    aliases.set("best", "large", OWN)
    aliases.set("best", "large", SHARED)
    assert (await names.resolve("best")).alias is None
    assert aliases.roll_back("best").now.config == OWN
    assert (await names.resolve("best")).alias == OWN.load
    assert aliases.set("best", "large", OWN).active == 1


def test_sampling_is_for_what_nobody_said(names: AliasedCatalog, aliases: Aliases) -> None:
    aliases.set("best", "large", SHARED)
    usual = SamplingParams(temperature=0.7, top_k=5)
    assert names.sampling("best", usual) == SamplingParams(temperature=0.1, top_k=5)
    assert names.sampling("best:adapter", usual).temperature == 0.1
    assert names.sampling("large", usual) is usual
    assert names.sampling("none", usual) is usual


def test_sampling_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="top_p"):
        SamplingDefaults(top_p=2.0).over(SamplingParams())


async def test_an_adapter_goes_along_and_another_can_be_named(
    names: AliasedCatalog, aliases: Aliases
) -> None:
    aliases.set("best", "large", AliasConfig(adapter="polite"))
    with pytest.raises(ModelNotFound, match=r"'large' has no adapter 'polite'"):
        await names.resolve("best")
    with pytest.raises(ModelNotFound, match=r"'large' has no adapter 'rude'"):
        await names.resolve("best:rude")
