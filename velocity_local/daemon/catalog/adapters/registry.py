"""Which adapters were added under which names: a file that outlives the daemon."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.errors import Conflict, DiskFull, InvalidRequest, NotFound

MAX_ADAPTERS = 256
MAX_SCALE = 100.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True):
    """An adapter as it was added. `path` is absolute."""

    model: str
    name: str
    path: str
    scale: float = 1.0


class _Document(msgspec.Struct, frozen=True):
    adapters: tuple[Record, ...] = ()
    version: int = 1


class Registry:
    """Records in the order in which they were added; every change is on disk before it returns."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._records = _read(file)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def of(self, model: str) -> list[Record]:
        return [record for record in self._records if record.model == model]

    def find(self, model: str, name: str) -> Record | None:
        return next((record for record in self.of(model) if record.name == name), None)

    def check(self, record: Record) -> None:
        """Whether it could be added.

        Raises:
            InvalidRequest: if name or scale are none.
            Conflict: if the name is taken, or there are too many.
        """
        if not _NAME.fullmatch(record.name):
            raise InvalidRequest(
                f"{record.name[:80]!r} is no name for an adapter; take up to 64 letters, digits, "
                "dots, dashes and underscores",
                param="name",
            )
        if not record.path.isprintable():
            raise InvalidRequest("the path has characters that no file here has", param="path")
        if not 0 < abs(record.scale) <= MAX_SCALE:
            raise InvalidRequest(
                f"a scale of {record.scale:g}; from -{MAX_SCALE:g} to {MAX_SCALE:g}, and not 0",
                param="scale",
            )
        if self.find(record.model, record.name) is not None:
            raise Conflict(
                f"{record.model!r} has an adapter {record.name!r} already; remove it first, or "
                "take another name"
            )
        if len(self._records) >= MAX_ADAPTERS:
            raise Conflict(f"there are {MAX_ADAPTERS} adapters already; remove one first")

    def add(self, record: Record) -> None:
        """Raises as `check`, and DiskFull if it cannot be kept."""
        self.check(record)
        self._write((*self._records, record))

    def remove(self, model: str, name: str) -> Record:
        """Raises NotFound if there is none of that name."""
        record = self.find(model, name)
        if record is None:
            raise NotFound(f"model {model!r} has no adapter {name[:80]!r}")
        self._write(tuple(other for other in self._records if other != record))
        return record

    def _write(self, records: tuple[Record, ...]) -> None:
        document = msgspec.json.format(msgspec.json.encode(_Document(records)), indent=2)
        try:
            write_atomic(self._file, document)
        except OSError as error:
            raise DiskFull(f"{self._file} cannot be written: {error.strerror}") from error
        self._records = records


def _read(file: Path) -> tuple[Record, ...]:
    """The records on disk. A file that cannot be read is put aside, not written over."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Document).adapters
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        aside = file.with_suffix(".broken")
        _log.error("%s cannot be used (%s); it is now %s", file, error, aside.name)
        try:
            file.replace(aside)
        except OSError:
            _log.exception("%s could not be put aside", file)
        return ()
