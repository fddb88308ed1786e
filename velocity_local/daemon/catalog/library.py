"""The models on this machine as files: taken over from other programs, counted, removed."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from velocity_local.config.stores import StorePaths
from velocity_local.core.clock import Clock
from velocity_local.core.errors import Conflict, InvalidModel
from velocity_local.core.library import About, Check, DiskItem, Leftover, Sighting
from velocity_local.core.models import ModelEntry
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.about import about
from velocity_local.daemon.catalog.adopted import AdoptedFiles
from velocity_local.daemon.catalog.adoption import Adoption, checked_id, problem_of, unlink
from velocity_local.daemon.catalog.aliases import Aliases
from velocity_local.daemon.catalog.checks import Checks
from velocity_local.daemon.catalog.downloads.variants import is_companion
from velocity_local.daemon.catalog.files import UnreadableFile
from velocity_local.daemon.catalog.inspection import files_of
from velocity_local.daemon.catalog.local import DEMO_ID
from velocity_local.daemon.catalog.stores import Seen

_ENDS = (".part", ".part.json")


class Catalog(Protocol):
    """The models as the daemon lists them."""

    async def entries(self) -> tuple[ModelEntry, ...]: ...

    async def resolve(self, name: str) -> ModelEntry: ...

    async def refreshed(self) -> object: ...


class Library:
    """`in_use` tells the ids of models in memory, `downloading` the files that are on their way."""

    def __init__(
        self,
        models: Path,
        *,
        stores: StorePaths,
        catalog: Catalog,
        adopted: AdoptedFiles,
        in_use: Callable[[], Sequence[str]],
        downloading: Callable[[], Sequence[Path]],
        aliases: Aliases,
        clock: Clock,
    ) -> None:
        self.aliases = aliases
        self.checks = Checks(clock)
        self._models = models
        self._catalog = catalog
        self._adopted = adopted
        self._adoption = Adoption(models, stores, adopted)
        self._in_use = in_use
        self._downloading = downloading

    async def sightings(self, folder: str | None) -> list[Sighting]:
        """The models that other programs keep here, or those below `folder`.

        Raises:
            InvalidRequest: if that is no folder.
        """
        entries = await self._catalog.entries()
        here = {self._identity(files_of(Path(entry.path))[0]) for entry in entries}
        seen = await asyncio.to_thread(self._adoption.look, folder)
        return await asyncio.to_thread(lambda: [self._sighting(one, here) for one in seen])

    async def adopt(self, path: str, identifier: str | None) -> ModelEntry:
        """Make a file of another program a model of this daemon, without copying it.

        Raises:
            InvalidRequest: if there is no such file, or the name cannot be used.
            InvalidModel: if the file is not sound.
            Conflict: if the name is taken.
        """
        seen = await asyncio.to_thread(self._adoption.find, path)
        if identifier is not None:
            seen = seen._replace(id=checked_id(identifier))
        if any(entry.id == seen.id for entry in await self._catalog.entries()):
            raise Conflict(f"there is a model {seen.id!r} already; give another name")
        await asyncio.to_thread(self._adoption.take, seen)
        await self._catalog.refreshed()
        try:
            return await self._catalog.resolve(seen.id)
        except InvalidModel:
            self._adoption.let_go(seen)
            raise

    async def remove(self, name: str) -> DiskItem:
        """Take a model off: its files in the models folder go, a file kept elsewhere stays.

        Raises:
            ModelNotFound: telling near names.
            Conflict: if it is in memory, or shipped.
        """
        entry = await self._catalog.resolve(name)
        if entry.id == DEMO_ID:
            raise Conflict("the demo model is shipped with the program; it cannot be removed")
        if entry.id in self._in_use():
            raise Conflict(f"model {entry.id!r} is in memory; unload it first")
        item = self._disk_item(entry)
        if not self._adopted.remove(entry.id):
            await asyncio.to_thread(self._unlink, item)
        await self._catalog.refreshed()
        return item

    async def verify(self, name: str) -> Check:
        """Begin to compare a model's files with what was promised of them.

        Raises:
            ModelNotFound: telling near names.
            QueueFull: if too many are read already.
        """
        entry = await self._catalog.resolve(name)
        return self.checks.start(entry.id, files_of(Path(entry.path)))

    async def about(self, name: str) -> About:
        """What a model's files say of it.

        Raises:
            ModelNotFound: telling near names.
            InvalidModel: if they are no model any more.
        """
        entry = await self._catalog.resolve(name)
        try:
            return await asyncio.to_thread(about, entry)
        except (UnsoundFile, UnreadableFile) as error:
            raise InvalidModel(f"{entry.id!r} cannot be read: {error}", param="model") from error

    async def disk(self) -> list[DiskItem]:
        """What each model takes, largest first; a file of two models counts for both."""
        entries = await self._catalog.entries()
        items = await asyncio.to_thread(lambda: [self._disk_item(entry) for entry in entries])
        return sorted(items, key=lambda item: -item.size_bytes)

    async def leftovers(self) -> list[Leftover]:
        """Files that could go: parts of downloads that are not under way."""
        return await asyncio.to_thread(self._leftovers)

    async def clean(self) -> list[Leftover]:
        """Remove what `leftovers` tells; what went."""
        found = await self.leftovers()
        for leftover in found:
            await asyncio.to_thread(Path(leftover.path).unlink, missing_ok=True)
        return found

    def _sighting(self, seen: Seen, here: set[tuple[int, int]]) -> Sighting:
        size_bytes = sum(path.stat().st_size for path in seen.files)
        is_imported = self._identity(seen.files[0]) in here
        files = tuple(map(str, seen.files))
        return Sighting(seen.id, seen.store, files, size_bytes, is_imported, problem_of(seen))

    def _disk_item(self, entry: ModelEntry) -> DiskItem:
        states = [(path, path.stat()) for path in files_of(Path(entry.path))]
        shared = sum(state.st_size for _, state in states if state.st_nlink > 1)
        is_reference = not Path(entry.path).is_relative_to(self._models.resolve())
        size_bytes = sum(state.st_size for _, state in states)
        names = tuple(str(path) for path, _ in states)
        return DiskItem(
            entry.id, names, size_bytes, size_bytes if is_reference else shared, is_reference
        )

    def _unlink(self, item: DiskItem) -> None:
        root = self._models.resolve()
        for name in item.files:
            unlink(Path(name))
        folder = Path(item.files[0]).parent
        rest = [path for path in folder.glob("*") if not path.name.startswith(".")]
        if all(path.is_file() and is_companion(path.name) for path in rest):
            for path in rest:
                unlink(path)
        for name in reversed(item.files):
            _remove_empty(Path(name).parent, root)

    def _leftovers(self) -> list[Leftover]:
        busy = {path.with_name(path.name + end) for path in self._downloading() for end in _ENDS}
        found = []
        for path in sorted(self._models.rglob("*.part*")):
            if path.name.endswith(_ENDS) and path not in busy and path.is_file():
                state = path.stat()
                blocks = getattr(state, "st_blocks", None)
                size_bytes = state.st_size if blocks is None else blocks * 512
                found.append(Leftover(str(path), size_bytes, "a download that is not under way"))
        return found

    @staticmethod
    def _identity(path: Path) -> tuple[int, int]:
        try:
            state = path.stat()
        except OSError:  # gone meanwhile: it is like no other
            return (0, 0)
        return state.st_dev, state.st_ino


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder below `root` in which nothing is left, and those above it likewise."""
    while folder != root and folder.is_relative_to(root) and folder.exists():
        if any(folder.iterdir()):
            return
        folder.rmdir()
        folder = folder.parent
