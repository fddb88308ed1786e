"""The models on this machine: the models folder, the shipped demo, and those adopted elsewhere.

A model's id is its path below the models folder without `.gguf`, with `/` between folders
(`qwen/Qwen3-0.6B-Q4_K_M`); of a model in parts, the first part's without `-00001-of-0000N`; of a
model in MLX's format, its folder's. The shipped demo is `demo`.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.models import ModelEntry
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog import resolve
from velocity_local.daemon.catalog.adopted import Adopted
from velocity_local.daemon.catalog.files import UnreadableFile, inside, model_files, split_of
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.inspection import files_of, inspect
from velocity_local.daemon.catalog.mlx.files import model_folders

DEMO_ID = "demo"
FRESH_S = 1.0


class BrokenModel(NamedTuple):
    """A file that cannot be used, and why; `offset` is the byte where that was seen."""

    id: str
    path: str
    reason: str
    offset: int | None = None


class Listing(NamedTuple):
    """What a look at the folders found; entries are sorted by id, the demo comes first."""

    entries: tuple[ModelEntry, ...]
    broken: tuple[BrokenModel, ...]


# The state of a model's files when they were read: the same state means the same content.
_Seen = tuple[tuple[str, int, int, int], ...]
_Known = dict[tuple[str, _Seen], ModelEntry | BrokenModel | None]


class LocalCatalog:
    """Keeps the last listing, and reads only files that have changed since."""

    def __init__(
        self,
        models: Path,
        *,
        demo: Path | None,
        clock: Clock,
        adopted: Callable[[], Sequence[Adopted]] = tuple,
        alias: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._alias = alias
        self._models = models
        self._adopted = adopted
        self._demo = demo
        self._clock = clock
        self._known: _Known = {}
        self._listing = Listing((), ())
        self._scanned_s: float | None = None
        self._scan: asyncio.Task[Listing] | None = None

    async def listing(self) -> Listing:
        """What is there now, at most a second old; looking happens in a thread."""
        if self._scanned_s is not None and self._clock.monotonic_s() - self._scanned_s < FRESH_S:
            return self._listing
        return await self.refreshed()

    async def entries(self) -> tuple[ModelEntry, ...]:
        """The models that can be used, as `listing` says."""
        return (await self.listing()).entries

    def knows(self, identifier: str) -> bool:
        """Whether the last look found a model of that id."""
        return any(entry.id == identifier for entry in self._listing.entries)

    def is_current(self, entry: ModelEntry) -> bool:
        """Whether the files are those that `entry` was read from, as sizes and times tell."""
        try:
            known = self._known.get((entry.id, _seen(Path(entry.path))))
        except UnreadableFile:
            return False
        return isinstance(known, ModelEntry) and known.fingerprint == entry.fingerprint

    async def resolve(self, name: str) -> ModelEntry:
        """The model that `name` or an alias of that name stands for.

        Raises:
            ModelNotFound: no such model; near names are told.
            InvalidModel: its file is damaged or hostile.
        """
        if not self.knows(name):
            name = self._alias(name) or name
        found = resolve.find(name, self._listing.entries)
        if found is None or not self.is_current(found):
            listing = await self.refreshed()
            return resolve.resolve(name, listing.entries, listing.broken)
        return found

    async def refreshed(self) -> Listing:
        """Look again; callers that come while somebody looks share that look."""
        if self._scan is None or self._scan.done():
            self._scan = asyncio.create_task(asyncio.to_thread(self.scan))
        return await asyncio.shield(self._scan)

    def scan(self) -> Listing:
        """Look again, in this thread. One caller at a time."""
        scanned_s = self._clock.monotonic_s()
        known: _Known = {}
        entries: dict[str, ModelEntry] = {}
        broken: list[BrokenModel] = []
        for identifier, path, root in self._candidates():
            found = self._look(identifier, path, root, known)
            if isinstance(found, BrokenModel):
                broken.append(found)
            elif found is not None and found.id in entries:
                broken.append(BrokenModel(found.id, str(path), "its id is taken; rename the file"))
            elif found is not None:
                entries[found.id] = found
        self._known = known
        self._listing = Listing(tuple(sorted(entries.values(), key=_order)), tuple(broken))
        self._scanned_s = scanned_s
        return self._listing

    def _candidates(self) -> Iterator[tuple[str, Path, Path]]:
        """Id, path, and the root that the path must stay in."""
        if self._demo is not None and self._demo.exists():
            yield DEMO_ID, self._demo, self._demo.resolve().parent
        root = self._models.resolve()
        for path in model_files(root):
            split = split_of(path.stem)
            if split is None or split[1] == 1:
                name = split[0] if split else path.stem
                yield path.relative_to(root).with_name(name).as_posix(), path, root
        for path in model_folders(root):
            yield path.relative_to(root).as_posix(), path, root
        for model in self._adopted():
            path = Path(model.path)
            if path.exists():
                yield model.id, path, path.parent

    def _look(
        self,
        identifier: str,
        path: Path,
        root: Path,
        known: _Known,
    ) -> ModelEntry | BrokenModel | None:
        """The model in `path`; None for a file that is sound but no model."""
        if not identifier.isprintable():
            return BrokenModel(ascii(identifier), ascii(str(path)), "its name is not printable")
        try:
            real = inside(path, root)
            seen = _seen(real)
        except UnreadableFile as error:
            return BrokenModel(identifier, str(path), str(error))
        key = (identifier, seen)
        known[key] = self._known[key] if key in self._known else _read(identifier, real)
        return known[key]


def _order(entry: ModelEntry) -> tuple[bool, str]:
    return entry.id != DEMO_ID, entry.id


def _seen(path: Path) -> _Seen:
    """The state of all files of the model whose only file, first file or folder is `path`.

    Raises:
        UnreadableFile: if one of the model's files is not there.
    """
    try:
        states = [(str(part), part.stat()) for part in files_of(path)]
    except OSError as error:
        raise UnreadableFile(f"{error.filename} cannot be read: {error.strerror}") from error
    return tuple((name, state.st_size, state.st_mtime_ns, state.st_ino) for name, state in states)


def _read(identifier: str, path: Path) -> ModelEntry | BrokenModel | None:
    try:
        model = inspect(path)
    except UnsoundFile as error:
        return BrokenModel(identifier, str(path), str(error), error.offset)
    except UnreadableFile as error:
        return BrokenModel(identifier, str(path), str(error))
    return _entry(identifier, path, model) if model.facts.is_model else None


def _entry(identifier: str, path: Path, model: Inspected) -> ModelEntry:
    facts = model.facts
    return ModelEntry(
        id=identifier,
        path=str(path),
        format="mlx" if path.is_dir() else "gguf",
        size_bytes=model.size_bytes,
        fingerprint=model.fingerprint,
        created_s=model.modified_s,
        architecture=facts.architecture,
        name=facts.name,
        parameters=model.parameters,
        quantization=facts.quantization,
        context_length=facts.context_length,
        licence=facts.licence,
        has_chat_template=facts.has_chat_template,
        is_embedding=facts.is_embedding,
        kv_bytes_per_token=facts.kv_bytes_per_token,
        shape=model.shape,
    )
