"""Folders: where they are, and that nobody else may write in them."""

import os
from pathlib import Path

import pytest

from velocity_local.config.errors import ConfigError, UnsafePermissions
from velocity_local.config.paths import data_root, find_data_root, locate, private_dir
from velocity_local.config.settings import PathSettings


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    paths = locate({"VELOCITY_HOME": str(tmp_path / "home")})
    assert all(
        tmp_path / "home" in path.parents
        for path in (
            paths.config_file,
            paths.database,
            paths.lock_file,
            paths.token_file,
            paths.daemon_file,
            paths.daemon_log,
            paths.models_dir,
            paths.api_keys_file,
        )
    )


def test_the_platforms_own_folders_carry_the_name() -> None:
    paths = locate({})
    for path in (paths.config_file, paths.data_dir, paths.state_dir, paths.log_dir):
        assert "velocity-local" in str(path)
        assert path.is_absolute()


def test_settings_move_models_and_database_but_never_the_lock(tmp_path: Path) -> None:
    environ = {"VELOCITY_HOME": str(tmp_path)}
    default = locate(environ)
    moved = locate(environ, PathSettings(data=str(tmp_path / "big")))
    assert moved.database == tmp_path / "big" / "history.db"
    assert moved.models_dir == tmp_path / "big" / "models"
    assert moved.lock_file == default.lock_file
    models = locate(environ, PathSettings(models=str(tmp_path / "m")))
    assert (models.models_dir, models.database) == (tmp_path / "m", default.database)


def test_folders_are_private_whatever_the_umask(tmp_path: Path) -> None:
    paths = locate({"VELOCITY_HOME": str(tmp_path / "a" / "b")})
    before = os.umask(0)
    try:
        paths.create()
        paths.create()
    finally:
        os.umask(before)
    for folder in (tmp_path / "a", paths.data_dir, paths.runtime_dir, paths.worker_log_dir):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_is_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(UnsafePermissions, match=r"run: chmod go-w '.*state'"):
        locate({"VELOCITY_HOME": str(tmp_path)}).create()


def test_a_file_in_a_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="data is not a folder"):
        private_dir(tmp_path / "data")
    with pytest.raises(ConfigError, match="cannot make the folder"):
        private_dir(tmp_path / "data" / "below")


def test_shipped_models_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "velocity_local"
    package.mkdir()
    with pytest.raises(ConfigError, match="no shipped models"):
        find_data_root(package)
    (tmp_path / "models").mkdir()
    with pytest.raises(ConfigError, match="no shipped models"):
        find_data_root(package)
    (tmp_path / "pyproject.toml").write_text("")
    assert find_data_root(package) == tmp_path / "models"
    (package / "_models").mkdir()
    assert find_data_root(package) == package / "_models"


def test_shipped_models_are_found_here() -> None:
    assert data_root().is_dir()
