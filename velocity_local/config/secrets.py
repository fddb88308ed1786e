"""Secrets on disk: the install token and the API keys. Only this user may read them.

On Windows the profile folder's access list keeps others out; there is no mode to check there.
"""

import hashlib
import hmac
import os
import secrets
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from velocity_local.config.atomic import sync_folder, write_atomic, write_temporary
from velocity_local.config.errors import ConfigError, UnsafePermissions
from velocity_local.core.queueing import DEFAULT_PRIORITY, Priority

TOKEN_PREFIX = "vlt-"  # noqa: S105 - how every token begins, not one
KEY_PREFIX = "vl-"
_SECRET_BYTES = 32
_MIN_TOKEN_CHARS = 40
_MAX_FILE_BYTES = 1024 * 1024
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An API key as it is kept: its SHA-256 (256 random bits need no slow hash) and its end.

    `priority` is the class of its requests that do not say.
    """

    name: str
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    last4: str
    created_s: int
    priority: Priority = DEFAULT_PRIORITY


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[ApiKey, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys that are accepted."""

    keys: tuple[ApiKey, ...] = ()

    @property
    def digests(self) -> tuple[bytes, ...]:
        """The SHA-256 of each key."""
        return tuple(bytes.fromhex(key.sha256) for key in self.keys)

    def find(self, presented: str) -> ApiKey | None:
        """The key that `presented` is, compared in constant time; None if it is none."""
        digest = _sha256(presented)
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found


def install_token(path: Path) -> str:
    """The token of this installation, made the first time.

    Raises:
        UnsafePermissions: if others can read it.
        ConfigError: if it cannot be read or made.
    """
    try:
        if not os.path.lexists(path):
            _publish(path, (TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)).encode() + b"\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return read_token(path)


def read_token(path: Path) -> str:
    """The token of this installation.

    Raises:
        UnsafePermissions: if others can read it.
        ConfigError: if it is not there or not a token.
    """
    token = _read_private(path).decode(errors="replace").strip()
    if not token.startswith(TOKEN_PREFIX) or len(token) < _MIN_TOKEN_CHARS:
        raise ConfigError(f"{path} holds no token; delete it and start again to get a new one")
    return token


def kv_key(path: Path) -> bytes:
    """The secret that authenticates this installation's computed prompts, made the first time.

    Raises:
        UnsafePermissions: if others can read it.
        ConfigError: if it cannot be read or made.
    """
    try:
        if not os.path.lexists(path):
            _publish(path, secrets.token_hex(_SECRET_BYTES).encode() + b"\n")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    try:
        key = bytes.fromhex(_read_private(path).decode())
    except ValueError:
        key = b""
    if len(key) != _SECRET_BYTES:
        raise ConfigError(f"{path} holds no key; delete it and start again to get a new one")
    return key


def load_keys(path: Path, *, must_exist: bool = False) -> ApiKeys:
    """The keys in a file; none if it is not there, unless it was asked for by name.

    Raises:
        UnsafePermissions: if others can read it.
        ConfigError: if it is not a key file, or must exist and does not.
    """
    if not os.path.lexists(path):
        if must_exist:
            raise ConfigError(f"there is no file of API keys {path}")
        return ApiKeys()
    try:
        return ApiKeys(msgspec.json.decode(_read_private(path), type=_KeyFile).keys)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is not a file of API keys: {error}") from error


def create_key(
    path: Path, name: str, *, created_s: int, priority: Priority = DEFAULT_PRIORITY
) -> str:
    """Add a key and return it: it is shown this once and never kept.

    Raises:
        ConfigError: if the name is taken, or the file cannot be read or written.
    """
    keys = load_keys(path).keys
    if any(key.name == name for key in keys):
        raise ConfigError(f"there is an API key {name!r} in {path} already; revoke it first")
    secret = KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    _write_keys(path, (*keys, ApiKey(name, _sha256(secret), secret[-4:], created_s, priority)))
    return secret


def revoke_key(path: Path, name: str) -> ApiKey:
    """Remove the key of that name and return what was kept of it.

    Raises:
        ConfigError: if there is none, or the file cannot be read or written.
    """
    keys = load_keys(path).keys
    for key in keys:
        if key.name == name:
            _write_keys(path, tuple(other for other in keys if other is not key))
            return key
    raise ConfigError(f"there is no API key {name!r} in {path}")


def _write_keys(path: Path, keys: tuple[ApiKey, ...]) -> None:
    data = msgspec.json.format(msgspec.json.encode(_KeyFile(keys)), indent=2) + b"\n"
    try:
        write_atomic(path, data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _publish(path: Path, data: bytes) -> None:
    """Put a complete file at `path`, unless another process was quicker; never a part of one."""
    temporary = write_temporary(path.parent, data)
    try:
        if os.name == "posix":
            path.hardlink_to(temporary)
        else:
            temporary.rename(path)
    except FileExistsError:
        return
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _read_private(path: Path) -> bytes:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {path}; it is made by: velocity-local start") from error
    except OSError as error:
        raise ConfigError(f"cannot open {path}: {error.strerror}; it must be a file") from error
    with os.fdopen(handle, "rb") as file:
        _check_private(path, os.fstat(handle))
        return file.read(_MAX_FILE_BYTES)


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a file; move it away")
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & _READABLE_BY_OTHERS:
        raise UnsafePermissions(f"others may read {path} (mode {mode:o}); run: chmod 600 '{path}'")
    if status.st_uid != os.geteuid():
        raise UnsafePermissions(f"{path} belongs to another user; move it away")


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
