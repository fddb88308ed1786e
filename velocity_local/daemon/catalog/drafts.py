"""Which model guesses for which, as the settings say it: `MODEL=DRAFT` pairs."""

from collections.abc import Sequence

import msgspec

from velocity_local.core.errors import ModelNotFound
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.catalog import resolve
from velocity_local.daemon.catalog.adapters.shelf import Catalog


class CatalogWithDrafts:
    """A catalogue whose entries know their draft models. Implements `adapters.shelf.Catalog`."""

    def __init__(self, catalog: Catalog, pairs: Sequence[str]) -> None:
        self._catalog = catalog
        self._pairs = [pair.split("=", 1) for pair in pairs]

    async def entries(self) -> tuple[ModelEntry, ...]:
        """Every model; one whose draft model is not here has none."""
        entries = await self._catalog.entries()
        return tuple(self._with_draft(entry, entries) for entry in entries)

    async def resolve(self, name: str) -> ModelEntry:
        """The model that `name` stands for.

        Raises:
            ModelNotFound: no such model; or there is no such draft model.
            InvalidModel: its file is damaged or hostile.
        """
        entry = await self._catalog.resolve(name)
        if not self._pairs:
            return entry
        found = self._with_draft(entry, await self._catalog.entries())
        wanted = self._wanted(entry)
        if found.draft is None and wanted is not None:
            raise ModelNotFound(
                f"{entry.id} is to have {wanted!r} as its draft model, which is not here; "
                "pull it, or take it out of engine.drafts",
                param="model",
            )
        return found

    def knows(self, identifier: str) -> bool:
        return self._catalog.knows(identifier)

    def is_current(self, entry: ModelEntry) -> bool:
        return self._catalog.is_current(entry)

    def _with_draft(self, entry: ModelEntry, entries: Sequence[ModelEntry]) -> ModelEntry:
        wanted = self._wanted(entry)
        if wanted is None:
            return entry
        return msgspec.structs.replace(entry, draft=resolve.find(wanted, entries))

    def _wanted(self, entry: ModelEntry) -> str | None:
        """The name of its draft model."""
        named = (draft for model, draft in self._pairs if resolve.find(model, [entry]) is not None)
        return next(named, None)
