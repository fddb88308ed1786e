"""Models under the names that users gave them, loaded as those names want it.

An alias that says nothing of loading is another name of its model, and shares its process. One
that does is listed beside the models and loaded for itself.
"""

from collections.abc import Iterator, Sequence

import msgspec

from velocity_local.core.adapters import SEPARATOR
from velocity_local.core.aliases import Alias
from velocity_local.core.errors import ModelNotFound
from velocity_local.core.models import ModelEntry
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.catalog import resolve
from velocity_local.daemon.catalog.adapters.shelf import AdapterShelf
from velocity_local.daemon.catalog.aliases import Aliases


class AliasedCatalog:
    """A catalogue that knows aliases. Implements `adapters.shelf.Catalog`."""

    def __init__(self, shelf: AdapterShelf, aliases: Aliases) -> None:
        self.shelf = shelf
        self._aliases = aliases

    async def entries(self) -> tuple[ModelEntry, ...]:
        """Every model, then every alias that is loaded for itself."""
        entries = await self.shelf.entries()
        return (*entries, *self._loaded_for_themselves(entries))

    async def resolve(self, name: str) -> ModelEntry:
        """The model that `name` stands for: a model's own name goes before an alias.

        Raises:
            ModelNotFound: no such model, or its draft model is not here.
            InvalidModel, InvalidAdapter: a file is damaged or hostile.
        """
        alias, named = self._meant(name)
        if alias is None:
            return await self.shelf.resolve(name)
        adapter = named or alias.now.config.adapter
        entry = await self.shelf.resolve(SEPARATOR.join(filter(None, (alias.model, adapter))))
        if not alias.now.config.has_own_load:
            return entry
        return _under(alias, entry, await self.shelf.entries())

    def knows(self, identifier: str) -> bool:
        if self.shelf.knows(identifier):
            return True
        alias = self._aliases.find(identifier)
        return alias is not None and alias.now.config.has_own_load

    def is_current(self, entry: ModelEntry) -> bool:
        if entry.alias is None:
            return self.shelf.is_current(entry)
        return self.shelf.is_current(msgspec.structs.replace(entry, id=entry.base_id))

    def sampling(self, name: str, defaults: SamplingParams) -> SamplingParams:
        """What a request to `name` gets where it says nothing itself."""
        alias, _ = self._meant(name)
        return defaults if alias is None else alias.now.config.sampling.over(defaults)

    def base(self, identifier: str) -> str:
        """The model's own id, of an alias that is loaded for itself or of a model."""
        return identifier if self.shelf.knows(identifier) else self._model_of(identifier)

    def _model_of(self, identifier: str) -> str:
        return self._aliases.model(identifier) or identifier

    def _meant(self, name: str) -> tuple[Alias | None, str]:
        """The alias that is asked for, and the adapter that is named behind it."""
        if self.shelf.knows(name):
            return None, ""
        alias = self._aliases.find(name)
        if alias is not None:
            return alias, ""
        first, _, adapter = name.rpartition(SEPARATOR)
        return (None, "") if self.shelf.knows(first) else (self._aliases.find(first), adapter)

    def _loaded_for_themselves(self, entries: Sequence[ModelEntry]) -> Iterator[ModelEntry]:
        by_id = {entry.id: entry for entry in entries}
        for alias in self._aliases.all():
            entry = by_id.get(alias.model)
            if alias.now.config.has_own_load and entry is not None and alias.name not in by_id:
                yield _named(alias, entry)


def _under(alias: Alias, entry: ModelEntry, entries: Sequence[ModelEntry]) -> ModelEntry:
    wanted = alias.now.config.load.draft
    if wanted is None:
        return _named(alias, entry)
    draft = resolve.find(wanted, entries)
    if draft is None:
        raise ModelNotFound(
            f"alias {alias.name!r} is to have {wanted!r} as its draft model, which is not here;"
            " pull it, or set the alias without it",
            param="model",
        )
    return _named(alias, msgspec.structs.replace(entry, draft=draft))


def _named(alias: Alias, entry: ModelEntry) -> ModelEntry:
    load = alias.now.config.load
    return msgspec.structs.replace(entry, id=alias.name, base_id=entry.id, alias=load)
