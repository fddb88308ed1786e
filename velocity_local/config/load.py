"""Reads settings: defaults < file < environment < flags. The only reader of the environment.

`VELOCITY_<SECTION>_<KEY>` sets a key, for example `VELOCITY_SERVER_PORT=9000`; lists are comma
separated or JSON. A variable set to nothing counts as not set. A file that is broken in any way
stops the start: running with other settings than the ones written down would be a guess.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from velocity_local.config import hub, keys, stores
from velocity_local.config.errors import ConfigError
from velocity_local.config.hub import HubAccess
from velocity_local.config.paths import Paths, locate
from velocity_local.config.settings import Settings
from velocity_local.config.stores import StorePaths

Origin = Literal["default", "file", "environment", "flag"]
PREFIX = "VELOCITY_"
KILL_POINT_VARIABLE = "VELOCITY_KILL_POINT"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and where each `section.key` came from.

    `kill_point` is for tests: what to hand to `core.killpoints.arm`.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    paths: Paths
    kill_point: str | None = None
    hub: HubAccess = field(default_factory=HubAccess)
    stores: StorePaths = field(default_factory=lambda: stores.locate({}))


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that somebody gave for a key; `place` is how to name it in an error."""

    key: str
    value: object
    origin: Origin
    place: str


def load(
    *,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """The settings from all four places.

    Args:
        overrides: flags as `section.key`: value; None stands for a flag that was not given.
        environ: instead of the process's own environment.
        file: instead of the user's own file; unlike that one it must exist.

    Raises:
        ConfigError: naming the place and the key, and the nearest valid key if there is none
            of that name.
    """
    variables = os.environ if environ is None else environ
    if file is not None and not file.is_file():
        raise ConfigError(f"there is no configuration file {file}")
    source = file or locate(variables).config_file
    sections: dict[str, dict[str, Any]] = {name: {} for name in keys.SECTIONS}
    origins: dict[str, Origin] = dict.fromkeys(keys.TYPES, "default")
    for entry in (*from_file(source), *_from_environment(variables), *_from_flags(overrides)):
        section, name = entry.key.split(".")
        sections[section][name] = _value(entry)
        origins[entry.key] = entry.origin
    given: dict[str, Any] = {name: keys.SECTIONS[name](**sections[name]) for name in sections}
    settings = Settings(**given)
    paths = replace(locate(variables, settings.paths), config_file=source.absolute())
    return Loaded(
        settings,
        MappingProxyType(origins),
        paths,
        variables.get(KILL_POINT_VARIABLE),
        hub.locate(variables),
        stores.locate(variables),
    )


def from_file(path: Path) -> Iterator[Entry]:
    """The entries of a TOML file; none if it is not there.

    Raises:
        ConfigError: with line and column if it is not TOML, or naming a key that is no setting.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    for section, table in document.items():
        if not isinstance(table, dict) or section not in keys.SECTIONS:
            raise ConfigError(f"{path}: {keys.unknown(section)}")
        for name, value in table.items():
            yield Entry(keys.known(f"{section}.{name}", str(path)), value, "file", str(path))


def _from_environment(environ: Mapping[str, str]) -> Iterator[Entry]:
    names = {PREFIX + key.replace(".", "_").upper(): key for key in keys.TYPES}
    sections = tuple(f"{PREFIX}{section.upper()}_" for section in keys.SECTIONS)
    for name, text in environ.items():
        if text and name in names:
            yield Entry(names[name], text, "environment", name)
        elif text and name.startswith(sections):
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"the environment variable {name} is no setting{hint}")


def _from_flags(overrides: Mapping[str, object]) -> Iterator[Entry]:
    for key, value in overrides.items():
        if value is not None:
            yield Entry(keys.known(key, "flags"), value, "flag", "flags")


def _value(entry: Entry) -> object:
    is_text = isinstance(entry.value, str) and entry.origin != "file"
    try:
        if is_text:
            return keys.parse(entry.key, str(entry.value))
        return keys.convert(entry.key, entry.value)
    except ConfigError as error:
        raise ConfigError(f"{entry.place}: {error}") from error
