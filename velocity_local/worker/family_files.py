"""Reads the model families that ship with the program."""

import tomllib
from pathlib import Path

import msgspec

from velocity_local.config.errors import ConfigError
from velocity_local.config.paths import data_root
from velocity_local.worker.chat.families import Family
from velocity_local.worker.chat.tools.dialects import DIALECTS

FOLDER = "families"


def shipped_families() -> tuple[Family, ...]:
    """Every family of the installed program.

    Raises:
        ConfigError: naming the file and what is wrong in it.
    """
    return read_families(data_root() / FOLDER)


def read_families(folder: Path) -> tuple[Family, ...]:
    """As `shipped_families`, from the folder given."""
    return tuple(_read(path) for path in sorted(folder.glob("*.toml")))


def _read(path: Path) -> Family:
    try:
        family = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Family)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; install velocity-local again") from error
    if family.tools is not None and family.tools not in DIALECTS:
        raise ConfigError(
            f"{path}: tools is {family.tools!r}; the dialects are {', '.join(sorted(DIALECTS))}"
        )
    return family
