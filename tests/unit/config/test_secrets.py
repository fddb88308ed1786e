"""Token and keys: made once, read by their owner only, never kept in clear."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from velocity_local.config.errors import ConfigError, UnsafePermissions
from velocity_local.config.secrets import (
    create_key,
    install_token,
    load_keys,
    read_token,
    revoke_key,
)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    return tmp_path / "token"


def test_the_token_is_made_once_and_private_whatever_the_umask(token_file: Path) -> None:
    before = os.umask(0)
    try:
        token = install_token(token_file)
    finally:
        os.umask(before)
    assert install_token(token_file) == read_token(token_file) == token
    assert len(token) == len("vlt-") + 43
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
    assert [path.name for path in token_file.parent.iterdir()] == ["token"]


def test_two_installations_have_two_tokens(tmp_path: Path) -> None:
    assert install_token(tmp_path / "a") != install_token(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_wider_permissions_are_refused_with_the_cure(token_file: Path, mode: int) -> None:
    install_token(token_file)
    token_file.chmod(mode)
    with pytest.raises(UnsafePermissions, match=r"run: chmod 600 '.*token'"):
        install_token(token_file)


def test_a_link_in_the_tokens_place_is_not_followed(tmp_path: Path, token_file: Path) -> None:
    token_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="must be a file"):
        install_token(token_file)
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_the_tokens_place_does_not_hang(token_file: Path) -> None:
    os.mkfifo(token_file, 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        install_token(token_file)


def test_a_missing_or_torn_token_says_what_to_do(token_file: Path) -> None:
    with pytest.raises(ConfigError, match="made by: velocity-local start"):
        read_token(token_file)
    token_file.write_text("vlt-short")
    token_file.chmod(0o600)
    with pytest.raises(ConfigError, match="delete it"):
        read_token(token_file)


def test_a_key_is_found_until_it_is_revoked_and_is_never_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "api-keys"
    first = create_key(file, "laptop", created_s=1)
    second = create_key(file, "phone", created_s=2)
    keys = load_keys(file)
    found = keys.find(first)
    assert found is not None
    assert (found.name, found.last4) == ("laptop", first[-4:])
    assert keys.find(first + "x") is keys.find("") is keys.find("\ud800") is None
    assert first not in file.read_text()
    assert hashlib.sha256(second.encode()).digest() in keys.digests
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert revoke_key(file, "laptop").name == "laptop"
    assert load_keys(file).find(first) is None
    assert load_keys(file).find(second) is not None


def test_names_of_keys_are_unique_and_known(tmp_path: Path) -> None:
    file = tmp_path / "api-keys"
    assert load_keys(file).keys == ()
    with pytest.raises(ConfigError, match="no file of API keys"):
        load_keys(file, must_exist=True)
    create_key(file, "laptop", created_s=1)
    with pytest.raises(ConfigError, match="already"):
        create_key(file, "laptop", created_s=1)
    with pytest.raises(ConfigError, match="no API key 'phone'"):
        revoke_key(file, "phone")


def test_a_key_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "api-keys"
    file.write_text("vl-in-clear\n")
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="not a file of API keys"):
        load_keys(file)
    file.chmod(0o644)
    with pytest.raises(UnsafePermissions, match="chmod 600"):
        load_keys(file)
