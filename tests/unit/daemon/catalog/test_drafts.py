"""Draft models by the settings: found by name, missing by name, and counted in memory."""

from collections.abc import Sequence

import pytest

from velocity_local.config.errors import ConfigError
from velocity_local.config.keys import convert
from velocity_local.config.settings import EngineSettings
from velocity_local.core.errors import ModelNotFound
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog.drafts import CatalogWithDrafts
from velocity_local.daemon.fleet.client import load_options
from velocity_local.daemon.fleet.ledger import estimate_bytes

GIB = 2**30


def _entry(identifier: str, size_bytes: int = GIB) -> ModelEntry:
    return ModelEntry(identifier, f"/models/{identifier}.gguf", "gguf", size_bytes, "f", 0)


LARGE, SMALL, OTHER = _entry("org/large", 8 * GIB), _entry("org/small"), _entry("other")


class Models:
    """A catalogue of three."""

    async def entries(self) -> tuple[ModelEntry, ...]:
        return LARGE, SMALL, OTHER

    async def resolve(self, name: str) -> ModelEntry:
        return {entry.id: entry for entry in (LARGE, SMALL, OTHER)}[name]

    def knows(self, identifier: str) -> bool:
        return identifier == LARGE.id

    def is_current(self, entry: ModelEntry) -> bool:
        return entry is LARGE


def _catalog(*pairs: str) -> CatalogWithDrafts:
    return CatalogWithDrafts(Models(), pairs)


@pytest.mark.parametrize("pair", ["org/large=org/small", "large=small", "LARGE=small.gguf"])
async def test_a_model_knows_its_draft_model(pair: str) -> None:
    entry = await _catalog("other=org/large", pair).resolve("org/large")
    assert entry.draft == SMALL


@pytest.mark.parametrize("pairs", [(), ("other=small",)])
async def test_a_model_without_one_stays_as_it_is(pairs: Sequence[str]) -> None:
    assert await _catalog(*pairs).resolve("org/large") == LARGE


async def test_a_draft_model_that_is_not_here_is_named() -> None:
    catalog = _catalog("large=tiny")
    with pytest.raises(ModelNotFound, match=r"org/large .*'tiny'.* engine\.drafts"):
        await catalog.resolve("org/large")
    assert [entry.draft for entry in await catalog.entries()] == [None, None, None]


async def test_the_rest_is_the_catalogues() -> None:
    catalog = _catalog("large=small")
    assert catalog.knows("org/large")
    assert not catalog.knows("tiny")
    assert catalog.is_current(LARGE)
    assert [entry.draft for entry in await catalog.entries()] == [SMALL, None, None]


async def test_it_is_loaded_along_and_counted() -> None:
    entry = await _catalog("large=small").resolve("org/large")
    options = load_options(EngineSettings(), entry)
    assert options.draft_path == SMALL.path
    alone = estimate_bytes(LARGE, options)
    assert estimate_bytes(entry, options) > alone + SMALL.size_bytes


@pytest.mark.parametrize("wrong", ["large", "=small", "large=", "a=b=c", ""])
def test_a_pair_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        convert("engine.drafts", [wrong])
