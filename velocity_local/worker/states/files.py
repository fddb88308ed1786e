"""Saved cells as files. Nothing of one is believed before it is authenticated.

    magic, 8 bytes | length of the head, 4 | head, msgpack | HMAC-SHA256 of all that | cells

The head holds the SHA-256 of the cells, so that files can be listed without reading them whole.
The library takes altered bytes without a word, hence both.
"""

import hashlib
import hmac
import logging
import os
import secrets
import stat
import struct
from array import array
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from velocity_local.core.killpoints import maybe_kill

SUFFIX = ".kv"
PART_SUFFIX = ".part"
MAX_HEAD_BYTES = 32 * 2**20
_MAGIC = b"VLKV\x00\x00\x00\x01"
_LENGTH = struct.Struct("<I")
_MAC_BYTES = 32

_log = logging.getLogger(__name__)


class Head(msgspec.Struct, frozen=True, array_like=True):
    """Which cells they are: those from `start` on of `tokens` (little-endian int32).

    `engine` names what computed them; only that reads them.
    """

    engine: str
    space: str
    start: int
    tokens: bytes
    n_bytes: int
    sha256: bytes


class Unusable(Exception):
    """The file is damaged, foreign, or of another engine; the message says which."""


class Listed(NamedTuple):
    """A file whose head was authenticated; its cells begin at `offset`."""

    path: Path
    head: Head
    offset: int

    @property
    def tokens(self) -> list[int]:
        return _tokens_of(self.head)


def write(
    folder: Path, engine: str, key: bytes, *, space: str, start: int, tokens: list[int],
    state: memoryview,
) -> Listed:  # fmt: skip
    """A new file with these cells. It is complete or not there, but not made durable: a cache.

    Raises:
        OSError: if it cannot be written; nothing is left of it then.
    """
    packed = array("i", tokens).tobytes()
    head = Head(engine, space, start, packed, state.nbytes, hashlib.sha256(state).digest())
    encoded = msgspec.msgpack.encode(head)
    signed = _MAGIC + _LENGTH.pack(len(encoded)) + encoded
    signed += hmac.digest(key, signed, "sha256")
    path = folder / f"{secrets.token_hex(12)}{SUFFIX}"
    part = path.with_suffix(PART_SUFFIX)
    try:
        with _created(part) as file:
            file.write(signed)
            file.write(state)
        maybe_kill("kv.before_rename")
        part.replace(path)
    except OSError:
        remove(part)
        raise
    return Listed(path, head, len(signed))


def read_head(path: Path, engine: str, key: bytes) -> Listed:
    """The file's head.

    Raises:
        Unusable: if it cannot be trusted or used.
        OSError: if it cannot be read.
    """
    with _opened(path) as file:
        signed = file.read(len(_MAGIC) + _LENGTH.size)
        if len(signed) < len(_MAGIC) + _LENGTH.size or not signed.startswith(_MAGIC):
            raise Unusable("it is no file of saved cells")
        (length,) = _LENGTH.unpack(signed[len(_MAGIC) :])
        if length > MAX_HEAD_BYTES:
            raise Unusable(f"its head has {length} bytes")
        signed += file.read(length)
        if not hmac.compare_digest(file.read(_MAC_BYTES), hmac.digest(key, signed, "sha256")):
            raise Unusable("it was not written by this installation for this model")
        head = _decoded(signed[-length:])
        n_bytes = os.fstat(file.fileno()).st_size - file.tell()
        if head.engine != engine:
            raise Unusable(f"it is of {head.engine}, and this is {engine}")
        if n_bytes != head.n_bytes:
            raise Unusable(f"it has {n_bytes} bytes of cells instead of {head.n_bytes}")
        return Listed(path, head, file.tell())


def read_state(listed: Listed) -> memoryview:
    """The cells.

    Raises:
        Unusable: if they are not those that were written.
        OSError: if they cannot be read.
    """
    state = memoryview(bytearray(listed.head.n_bytes))
    with _opened(listed.path) as file:
        file.seek(listed.offset)
        n_read = file.readinto(state)  # type: ignore[attr-defined]  # every binary file has it
    if n_read != len(state) or hashlib.sha256(state).digest() != listed.head.sha256:
        raise Unusable("its cells were altered")
    return state


def remove(path: Path) -> None:
    """Remove a file that is of no use; one that will not go costs its room, and nobody a prompt."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s cannot be removed: %s", path.name, error)


def _created(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _opened(path: Path) -> BinaryIO:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unusable("it is no regular file")
    return os.fdopen(descriptor, "rb")


def _decoded(encoded: bytes) -> Head:
    try:
        head = msgspec.msgpack.decode(encoded, type=Head)
    except msgspec.DecodeError as error:
        raise Unusable(f"its head does not read: {error}") from error
    if not 0 <= head.start < len(head.tokens) // 4:
        raise Unusable("its head contradicts itself")
    return head


def _tokens_of(head: Head) -> list[int]:
    tokens = array("i")
    tokens.frombytes(head.tokens[: len(head.tokens) // 4 * 4])
    return tokens.tolist()
