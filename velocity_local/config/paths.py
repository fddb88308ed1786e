"""Where things are on this machine. Folders are private to the user (0700), files 0600.

The lock and the token lie in the state folder and not in the session's runtime folder: that one
differs between a desktop, an ssh and a cron session, and one user must find one daemon.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from velocity_local.config.errors import ConfigError, UnsafePermissions

if TYPE_CHECKING:
    from velocity_local.config.settings import PathSettings

APP = "velocity-local"
HOME_VARIABLE = "VELOCITY_HOME"
CONFIG_NAME = "config.toml"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths; only `create` touches the disk."""

    config_file: Path
    data_dir: Path
    state_dir: Path
    log_dir: Path
    models_dir: Path

    @property
    def runtime_dir(self) -> Path:
        return self.state_dir / "run"

    @property
    def database(self) -> Path:
        return self.data_dir / "history.db"

    @property
    def kv_dir(self) -> Path:
        """Computed prompts, by model."""
        return self.data_dir / "kv"

    @property
    def kv_key_file(self) -> Path:
        return self.state_dir / "kv-key"

    @property
    def tuned_file(self) -> Path:
        return self.data_dir / "tuned.json"

    @property
    def aliases_file(self) -> Path:
        return self.data_dir / "aliases.json"

    @property
    def stays_file(self) -> Path:
        """How long models stay loaded, where users said so."""
        return self.data_dir / "stays.json"

    @property
    def downloads_file(self) -> Path:
        """Downloads that have not ended."""
        return self.data_dir / "downloads.json"

    @property
    def adopted_file(self) -> Path:
        """Models that are only referred to."""
        return self.data_dir / "adopted.json"

    @property
    def adapters_file(self) -> Path:
        return self.data_dir / "adapters.json"

    @property
    def lock_file(self) -> Path:
        return self.runtime_dir / "daemon.lock"

    @property
    def daemon_file(self) -> Path:
        """Where a running daemon says its pid and address."""
        return self.runtime_dir / "daemon.json"

    @property
    def token_file(self) -> Path:
        return self.state_dir / "token"

    @property
    def api_keys_file(self) -> Path:
        return self.config_file.parent / "api-keys"

    @property
    def daemon_log(self) -> Path:
        return self.log_dir / "daemon.log"

    @property
    def worker_log_dir(self) -> Path:
        return self.log_dir / "workers"

    def create(self) -> None:
        """Make the folders that are missing.

        Raises:
            UnsafePermissions: if another user may write in one that is there.
            ConfigError: if one cannot be made.
        """
        for folder in (
            self.config_file.parent,
            self.data_dir,
            self.state_dir,
            self.runtime_dir,
            self.log_dir,
            self.worker_log_dir,
            self.models_dir,
        ):
            private_dir(folder)


def locate(environ: Mapping[str, str], settings: "PathSettings | None" = None) -> Paths:
    """The paths for this user, or those under `VELOCITY_HOME` if it is set."""
    data, models = (None, None) if settings is None else (settings.data, settings.models)
    home = environ.get(HOME_VARIABLE)
    places = _under(Path(home).expanduser().absolute()) if home else _of_platform()
    data_dir = _folder("paths.data", data) or places.data_dir
    models_dir = _folder("paths.models", models)
    if models_dir is None:
        models_dir = places.models_dir if data is None else data_dir / "models"
    return Paths(places.config_file, data_dir, places.state_dir, places.log_dir, models_dir)


def private_dir(folder: Path) -> None:
    """Make `folder` and its missing parents for this user alone.

    Raises:
        UnsafePermissions: if it is there and another user may write in it.
        ConfigError: if it cannot be made.
    """
    missing = [folder, *folder.parents]
    missing = [path for path in missing if not path.exists()]
    try:
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
        mode = folder.stat().st_mode
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder}: {error.strerror}") from error
    if not stat.S_ISDIR(mode):
        raise ConfigError(f"{folder} is not a folder; move it away")
    if os.name == "posix" and mode & _WRITABLE_BY_OTHERS:
        raise UnsafePermissions(f"other users may write in {folder}; run: chmod go-w '{folder}'")


def data_root() -> Path:
    """The folder of shipped models and tables: in the wheel, or in the checkout.

    Raises:
        ConfigError: if neither is there.
    """
    return find_data_root(Path(__file__).resolve().parent.parent)


def find_data_root(package: Path) -> Path:
    """As `data_root`, for the package folder given."""
    shipped = package / "_models"
    if shipped.is_dir():
        return shipped
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "models").is_dir():
        return checkout / "models"
    raise ConfigError(f"no shipped models beside {package}; install velocity-local again")


def _folder(key: str, value: str | None) -> Path | None:
    if value is None:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ConfigError(f"{key} is {value!r}; give an absolute path")
    return path


def _under(home: Path) -> Paths:
    return Paths(home / CONFIG_NAME, home / "data", home / "state", home / "logs", home / "models")


def _of_platform() -> Paths:
    from platformdirs import PlatformDirs  # noqa: PLC0415 - workers only look for shipped files

    dirs = PlatformDirs(APP, appauthor=False)
    data = dirs.user_data_path
    return Paths(
        dirs.user_config_path / CONFIG_NAME,
        data,
        dirs.user_state_path,
        dirs.user_log_path,
        data / "models",
    )
