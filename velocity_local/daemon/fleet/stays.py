"""What users said of how long models stay: a file that outlives the daemon."""

import logging
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.errors import DiskFull

# The oldest are forgotten: ids of models that went long ago.
MAX_STAYS = 1024
_log = logging.getLogger(__name__)


class Stay(msgspec.Struct, frozen=True, omit_defaults=True):
    """`keep_alive_s` None keeps a model for ever, as does `is_pinned`, which nothing overrides."""

    keep_alive_s: float | None = None
    is_pinned: bool = False


class _Document(msgspec.Struct, frozen=True):
    stays: dict[str, Stay] = {}
    version: int = 1


class Stays:
    """By model id. Every change is on disk before it returns; without a file, nothing lasts."""

    def __init__(self, usual_s: float | None, file: Path | None = None) -> None:
        self._usual = Stay(usual_s)
        self._file = file
        self._stays = {} if file is None else _read(file)

    def of(self, model: str) -> Stay:
        return self._stays.get(model, self._usual)

    def pin(self, model: str, *, is_pinned: bool) -> Stay:
        """Raises DiskFull if it cannot be kept; then nothing has changed."""
        return self._keep(model, msgspec.structs.replace(self.of(model), is_pinned=is_pinned))

    def keep_alive(self, model: str, keep_alive_s: float | None) -> Stay:
        """Raises DiskFull if it cannot be kept; then nothing has changed."""
        return self._keep(model, msgspec.structs.replace(self.of(model), keep_alive_s=keep_alive_s))

    def _keep(self, model: str, stay: Stay) -> Stay:
        if stay == self.of(model):
            return stay
        others = {name: kept for name, kept in self._stays.items() if name != model}
        said = {} if stay == self._usual else {model: stay}
        stays = dict([*others.items(), *said.items()][-MAX_STAYS:])
        if self._file is not None:
            _write(self._file, stays)
        self._stays = stays
        return stay


def _write(file: Path, stays: dict[str, Stay]) -> None:
    try:
        write_atomic(file, msgspec.json.encode(_Document(stays)))
    except OSError as error:
        raise DiskFull(f"{file} cannot be written: {error.strerror}") from error


def _read(file: Path) -> dict[str, Stay]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Document).stays
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s cannot be read (%s); models stay as the settings say", file, error)
        return {}
