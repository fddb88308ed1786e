"""Downloads that have not ended: a file that outlives the daemon, so that the next one goes on."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.downloads import Variant
from velocity_local.daemon.catalog.downloads.digests import is_digest
from velocity_local.daemon.catalog.downloads.reference import is_repository, is_safe_path
from velocity_local.daemon.catalog.hub import HubFile, Repository

_log = logging.getLogger(__name__)


class KeptFile(msgspec.Struct, frozen=True):
    """As `hub.HubFile`."""

    path: str
    size_bytes: int
    digest: str


class Kept(msgspec.Struct, frozen=True):
    """What was promised of a download's files, which needs not be asked again.

    `url` is where its only file is, if that is no hub. Somebody paused it if `is_paused`.
    """

    id: str
    created_s: float
    repository: str
    revision: str
    files: tuple[KeptFile, ...]
    variant: Variant
    is_paused: bool = False
    url: str | None = None

    def promised(self) -> Repository:
        files = tuple(HubFile(file.path, file.size_bytes, file.digest) for file in self.files)
        return Repository(self.repository, self.revision, files)


class _Document(msgspec.Struct, frozen=True):
    downloads: tuple[Kept, ...] = ()
    version: int = 1


class Journal:
    """Read once, at the start; written whenever a download begins, ends, pauses or goes on."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> tuple[Kept, ...]:
        """What had not ended, in the order in which it was asked for."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Document).downloads
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            _log.warning(
                "%s cannot be read (%s); downloads do not go on by themselves", self._file, error
            )
            return ()
        return tuple(one for one in kept if _is_sound(one))

    def write(self, downloads: Sequence[Kept]) -> None:
        """On disk when it returns. What cannot be written goes on until the daemon ends."""
        try:
            write_atomic(self._file, msgspec.json.encode(_Document(tuple(downloads))))
        except OSError as error:
            _log.warning(
                "%s cannot be written (%s); pull again after a restart", self._file, error.strerror
            )


def _is_sound(kept: Kept) -> bool:
    """Names become paths, so they are looked at as when they came."""
    names = {file.path for file in kept.files}
    wanted = (*kept.variant.files, *kept.variant.companions)
    is_source_sound = kept.url is not None or is_repository(kept.repository)
    return (
        is_source_sound
        and is_safe_path(kept.repository)
        and bool(wanted)
        and names.issuperset(wanted)
        and all(map(is_safe_path, names))
        and all(file.size_bytes > 0 and is_digest(file.digest) for file in kept.files)
    )
