"""Models that stay where another program keeps them: a file that outlives the daemon."""

import logging
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.errors import DiskFull

_log = logging.getLogger(__name__)


class Adopted(msgspec.Struct, frozen=True):
    """`path` is the real path of the only or first file."""

    id: str
    path: str


class _Document(msgspec.Struct, frozen=True):
    models: tuple[Adopted, ...] = ()
    version: int = 1


class AdoptedFiles:
    """Every change is on disk before it returns. Read from any thread, changed from one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._models = _read(file)

    def all(self) -> tuple[Adopted, ...]:
        return self._models

    def add(self, adopted: Adopted) -> None:
        """Raises DiskFull if it cannot be kept."""
        self._write((*(other for other in self._models if other.id != adopted.id), adopted))

    def remove(self, identifier: str) -> bool:
        """Whether there was one of that id."""
        kept = tuple(other for other in self._models if other.id != identifier)
        if kept == self._models:
            return False
        self._write(kept)
        return True

    def _write(self, models: tuple[Adopted, ...]) -> None:
        try:
            write_atomic(self._file, msgspec.json.encode(_Document(models)))
        except OSError as error:
            raise DiskFull(f"{self._file} cannot be written: {error.strerror}") from error
        self._models = models


def _read(file: Path) -> tuple[Adopted, ...]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Document).models
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s cannot be read (%s); models kept elsewhere are not shown", file, error)
        return ()
