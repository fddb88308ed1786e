"""The models of a catalogue, and their adapters under names of their own: `model:adapter`.

A file is inspected once for each state of it (size, time) and each content of its model.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from velocity_local.core.adapters import SEPARATOR, Adapter
from velocity_local.core.errors import InvalidAdapter, ModelNotFound, OutOfMemory
from velocity_local.core.models import ModelEntry
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog import resolve
from velocity_local.daemon.catalog.adapters import lora, lora_mlx
from velocity_local.daemon.catalog.adapters.registry import Record, Registry
from velocity_local.daemon.catalog.files import UnreadableFile, inside
from velocity_local.daemon.catalog.preflight import inspect_part, parts_of

_MIB = 1024 * 1024


class Catalog(Protocol):
    """The models without adapters."""

    async def entries(self) -> tuple[ModelEntry, ...]: ...

    async def resolve(self, name: str) -> ModelEntry: ...

    def knows(self, identifier: str) -> bool: ...

    def is_current(self, entry: ModelEntry) -> bool: ...


class Shelved(NamedTuple):
    """What became of a record: an adapter, or the reason why it cannot be used."""

    record: Record
    adapter: Adapter | None
    problem: str | None


_Key = tuple[str, int, int, str]


class AdapterShelf:
    """Implements the catalogue's ports of gateway and fleet. Lives on one event loop.

    `forget` is told model and key of an adapter that was removed.
    """

    def __init__(
        self,
        catalog: Catalog,
        registry: Registry,
        *,
        models: Path,
        available_bytes: Callable[[], int],
        forget: Callable[[str, str], None],
    ) -> None:
        self._catalog = catalog
        self._registry = registry
        self._models = models
        self._available_bytes = available_bytes
        self._forget = forget
        self._inspected: dict[_Key, lora.LoraFacts | InvalidAdapter] = {}
        self._digests: dict[_Key, str] = {}

    async def entries(self) -> tuple[ModelEntry, ...]:
        """Every model, with the adapters that can be used."""
        return tuple([await self._with_adapters(entry) for entry in await self._catalog.entries()])

    def knows(self, identifier: str) -> bool:
        """Whether it is the id of a model that the last look found, or of one of its adapters."""
        if self._catalog.knows(identifier):
            return True
        model, _, name = identifier.rpartition(SEPARATOR)
        return self._registry.find(model, name) is not None

    def is_current(self, entry: ModelEntry) -> bool:
        return self._catalog.is_current(entry)

    async def resolve(self, name: str) -> ModelEntry:
        """The model that `name` stands for, with the adapter it names as `adapter`.

        Raises:
            ModelNotFound: no such model, or it has no such adapter; near names are told.
            InvalidModel: its file is damaged or hostile.
            InvalidAdapter: the adapter's file is, or it is not for this model.
        """
        model, separator, label = name.rpartition(SEPARATOR)
        if not separator or self._catalog.knows(name):
            return await self._with_adapters(await self._catalog.resolve(name))
        try:
            entry = await self._catalog.resolve(model)
        except ModelNotFound:
            return await self._with_adapters(await self._catalog.resolve(name))
        record = self._registry.find(entry.id, label)
        if record is None:
            raise self._no_adapter(entry.id, label)
        adapter = await self._adapter(record, entry)
        return msgspec.structs.replace(await self._with_adapters(entry), adapter=adapter)

    async def shelved(self) -> list[Shelved]:
        """Every record and what became of it."""
        return [await self._look(record) for record in self._registry]

    async def add(self, model: str, name: str, path: str, scale: float) -> Adapter:
        """Give a name to an adapter's file, which lies below the models folder.

        Raises:
            ModelNotFound: if there is no such model.
            InvalidRequest, Conflict: if it cannot have that name.
            InvalidAdapter: if the file is damaged, elsewhere, or not for this model.
            OutOfMemory: if it does not fit beside what runs.
        """
        entry = await self._catalog.resolve(model)
        file = self._models / path
        record = Record(entry.id, name, str(file), scale)
        self._registry.check(record)
        adapter = await self._adapter(record, entry)
        free_bytes = self._available_bytes()
        if adapter.size_bytes > free_bytes:
            raise OutOfMemory(
                f"the adapter needs {adapter.size_bytes // _MIB} MiB of memory; "
                f"{free_bytes // _MIB} MiB are free; unload a model first"
            )
        self._registry.add(msgspec.structs.replace(record, path=adapter.path))
        return adapter

    async def remove(self, identifier: str) -> Shelved:
        """Take the adapter `model:name` off; its file stays.

        Raises:
            NotFound: if there is none.
        """
        model, _, name = identifier.rpartition(SEPARATOR)
        found = resolve.find(model, await self._catalog.entries())
        removed = self._registry.remove(model if found is None else found.id, name)
        shelved = await self._look(removed)
        if shelved.adapter is not None:
            self._forget(shelved.adapter.model, shelved.adapter.key)
        return shelved

    async def _with_adapters(self, entry: ModelEntry) -> ModelEntry:
        records = self._registry.of(entry.id)
        if not records:
            return entry
        looks = [await self._look(record, entry) for record in records]
        usable = tuple(look.adapter for look in looks if look.adapter is not None)
        return msgspec.structs.replace(entry, adapters=usable)

    async def _look(self, record: Record, entry: ModelEntry | None = None) -> Shelved:
        try:
            entry = entry or await self._catalog.resolve(record.model)
            return Shelved(record, await self._adapter(record, entry), None)
        except (ModelNotFound, InvalidAdapter) as error:
            return Shelved(record, None, error.message)

    async def _adapter(self, record: Record, entry: ModelEntry) -> Adapter:
        """The adapter of a record as its file is now. Raises InvalidAdapter."""
        identifier = f"{record.model}{SEPARATOR}{record.name}"
        try:
            path = inside(Path(record.path), self._models.resolve())
            state, modified_ns = path.stat(), _modified_ns(path, entry)
        except (OSError, UnreadableFile, ValueError) as error:  # ValueError: a zero in the path
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise _unusable(identifier, f"{record.path}: {reason}") from error
        key = (str(path), state.st_size, modified_ns, entry.fingerprint)
        if key not in self._inspected:
            await asyncio.to_thread(self._inspect, key, path, entry)
        facts = self._inspected[key]
        if isinstance(facts, InvalidAdapter):
            raise _unusable(identifier, facts.message)
        return Adapter(
            model=entry.id,
            name=record.name,
            path=str(path),
            fingerprint=self._digests[key],
            size_bytes=state.st_size,
            rank=facts.rank,
            tensors=facts.tensors,
            scale=record.scale,
            modified_ns=state.st_mtime_ns,
        )

    def _inspect(self, key: _Key, path: Path, entry: ModelEntry) -> None:
        """On a thread: look at the headers of adapter and model."""
        facts: lora.LoraFacts | InvalidAdapter
        try:
            facts, self._digests[key] = _inspected(path, entry)
        except InvalidAdapter as error:
            facts = error
        except (UnsoundFile, UnreadableFile) as error:
            facts = InvalidAdapter(f"its file cannot be used: {error}")
        self._inspected[key] = facts

    def _no_adapter(self, model: str, label: str) -> ModelNotFound:
        names: Sequence[str] = [record.name for record in self._registry.of(model)]
        near = resolve.near_names(label, names) or list(names[: resolve.NEAR_NAMES])
        advice = "it has " + ", ".join(near) if near else "it has none"
        return ModelNotFound(
            f"model {model!r} has no adapter {label[:80]!r}; {advice}", param="model"
        )


def _inspected(path: Path, entry: ModelEntry) -> tuple[lora.LoraFacts, str]:
    """What the adapter is, and the name of its content."""
    if entry.format == "mlx":
        return lora_mlx.inspect(path)
    part = inspect_part(path)
    headers = [part.header for part in parts_of(Path(entry.path))]
    return lora.check(part.header, headers), part.digest


def _modified_ns(path: Path, entry: ModelEntry) -> int:
    return lora_mlx.modified_ns(path) if entry.format == "mlx" else path.stat().st_mtime_ns


def _unusable(identifier: str, reason: str) -> InvalidAdapter:
    return InvalidAdapter(f"adapter {identifier!r} cannot be used: {reason}", param="model")
