"""Which names of their own users gave to models: a file that outlives the daemon."""

import logging
import re
from pathlib import Path

import msgspec

from velocity_local.config.atomic import write_atomic
from velocity_local.core.aliases import Alias, AliasConfig, AliasVersion
from velocity_local.core.clock import Clock
from velocity_local.core.errors import Conflict, DiskFull, InvalidRequest, NotFound

MAX_ALIASES = 256
MAX_VERSIONS = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PLAIN = AliasConfig()
_log = logging.getLogger(__name__)


class _Document(msgspec.Struct, frozen=True):
    aliases: tuple[Alias, ...] = ()
    version: int = 1


class Aliases:
    """Every change is on disk before it returns. Read from any thread, changed from one."""

    def __init__(self, file: Path, *, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._aliases = {alias.name: alias for alias in _read(file)}

    def all(self) -> tuple[Alias, ...]:
        """By name."""
        return tuple(sorted(self._aliases.values(), key=lambda alias: alias.name))

    def model(self, name: str) -> str | None:
        """The model that `name` stands for; None if it is no alias."""
        alias = self._aliases.get(name)
        return None if alias is None else alias.model

    def find(self, name: str) -> Alias | None:
        return self._aliases.get(name)

    def set(self, name: str, model: str, config: AliasConfig = _PLAIN) -> Alias:
        """Let `name` stand for `model` from now on; what it stood for is the standby.

        Raises:
            InvalidRequest: if it is no name.
            Conflict: if there are too many.
            DiskFull: if it cannot be kept.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"{name[:80]!r} is no name for an alias; take up to 64 letters, digits, dots,"
                " dashes and underscores",
                param="name",
            )
        before = self._aliases.get(name)
        if before is None and len(self._aliases) >= MAX_ALIASES:
            raise Conflict(f"there are {MAX_ALIASES} aliases already; remove one first")
        return self._keep(_next(before, name, AliasVersion(1, model, self._clock.wall_s(), config)))

    def roll_back(self, name: str) -> Alias:
        """Swap the version in force and the standby.

        Raises:
            NotFound: if there is no such alias.
            Conflict: if it never was anything else.
        """
        alias = self._find(name)
        if alias.standby is None:
            raise Conflict(f"alias {name!r} was never anything else")
        return self._keep(
            msgspec.structs.replace(alias, active=alias.standby, standby=alias.active)
        )

    def remove(self, name: str) -> Alias:
        """Raises NotFound if there is no such alias."""
        alias = self._find(name)
        self._write({key: kept for key, kept in self._aliases.items() if key != name})
        return alias

    def _find(self, name: str) -> Alias:
        alias = self._aliases.get(name)
        if alias is None:
            raise NotFound(f"there is no alias {name[:80]!r}")
        return alias

    def _keep(self, alias: Alias) -> Alias:
        self._write(self._aliases | {alias.name: alias})
        return alias

    def _write(self, aliases: dict[str, Alias]) -> None:
        document = msgspec.json.encode(_Document(tuple(aliases.values())))
        try:
            write_atomic(self._file, document)
        except OSError as error:
            raise DiskFull(f"{self._file} cannot be written: {error.strerror}") from error
        self._aliases = aliases


def _next(before: Alias | None, name: str, wanted: AliasVersion) -> Alias:
    if before is None:
        return Alias(name, 1, None, (wanted,))
    if (before.model, before.now.config) == (wanted.model, wanted.config):
        return before
    number = before.versions[-1].number + 1
    kept = [version for version in before.versions if version.number != before.active]
    versions = (*kept[-(MAX_VERSIONS - 2) :], before.version(before.active))
    versions = tuple(sorted(versions, key=lambda version: version.number))
    newest = msgspec.structs.replace(wanted, number=number)
    return Alias(name, number, before.active, (*versions, newest))


def _read(file: Path) -> tuple[Alias, ...]:
    try:
        aliases = msgspec.json.decode(file.read_bytes(), type=_Document).aliases
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s cannot be read (%s); there are no aliases", file, error)
        return ()
    return tuple(alias for alias in aliases if _is_sound(alias))


def _is_sound(alias: Alias) -> bool:
    numbers = {version.number for version in alias.versions}
    return alias.active in numbers and (alias.standby is None or alias.standby in numbers)
