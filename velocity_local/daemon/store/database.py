"""The database file: how it is opened, by whom it may be, and how it is brought up to date.

Durable means: WAL with `synchronous=FULL`, so a commit is on the disk when it returns
(https://sqlite.org/pragma.html#pragma_synchronous), and `fullfsync`, without which macOS leaves
it in the drive's cache.
"""

import logging
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from velocity_local.core.killpoints import maybe_kill
from velocity_local.daemon.store import migrations
from velocity_local.daemon.store.migrations import STEPS, Step

logger = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0
# the file's header, https://sqlite.org/fileformat2.html#the_database_header
_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_VERSION_OFFSET = 60  # four bytes, big-endian
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRAGMAS = (
    "trusted_schema = OFF",
    "foreign_keys = ON",
    "secure_delete = ON",
    "fullfsync = ON",
    "checkpoint_fullfsync = ON",
    "journal_size_limit = 16777216",
    "wal_autocheckpoint = 10000",  # a backstop: the writer checkpoints by itself, between commits
)


class Damaged(sqlite3.DatabaseError):
    """SQLite's own check found the file inconsistent."""


class DatabaseTooNew(Exception):
    """A later release has written this database; nothing of it was touched."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} has schema version {version}; this release knows up to {known}: "
            f"install the newer release again, or set paths.data to another folder"
        )
        self.path = path
        self.version = version


def open_writer(
    path: Path, *, is_suspect: bool = False, steps: tuple[Step, ...] = STEPS
) -> sqlite3.Connection:
    """The one connection that writes, with the schema up to date.

    A damaged file, which is looked for if `is_suspect`, is moved aside under a name that says so,
    and a new one begun.

    Raises:
        DatabaseTooNew: with the file untouched.
        sqlite3.Error: if it cannot be opened or brought up to date now.
        OSError: as above.
    """
    check_version(path, len(steps))
    try:
        return _open_current(path, steps, is_suspect=is_suspect)
    except sqlite3.DatabaseError as error:
        if not isinstance(error, Damaged) and error.sqlite_errorcode not in DAMAGE:
            raise
        _move_aside(path, str(error))
        return _open_current(path, steps, is_suspect=False)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; one thread at a time may use it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def check_version(path: Path, known: int = len(STEPS)) -> int:
    """The schema version of a database, 0 if there is none; reads only.

    Raises:
        DatabaseTooNew: if it is above `known`.
    """
    version = _version_in_header(path)
    if version <= known and path.with_name(f"{path.name}-wal").exists():
        version = _version_in_log(path) or version
    if version > known:
        raise DatabaseTooNew(path, version, known)
    return version


def _open_current(path: Path, steps: tuple[Step, ...], *, is_suspect: bool) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        _harden(connection)
        if is_suspect:
            _check(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version < len(steps):
            if version:
                _back_up(connection, path, version)
            migrations.apply(connection, steps)
    except BaseException:
        connection.close()
        raise
    return connection


def _harden(connection: sqlite3.Connection) -> None:
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE)
    connection.execute("PRAGMA journal_mode = WAL")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _check(connection: sqlite3.Connection) -> None:
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if finding != "ok":
        raise Damaged(finding)


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """A whole copy beside the database, named after the version it has."""
    backup = path.with_name(f"{path.name}.v{version}.backup")
    draft = backup.with_name(f"{backup.name}.tmp")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(draft)) as copy:
        connection.backup(copy)
    draft.replace(backup)
    maybe_kill("migration.after_backup")


def _move_aside(path: Path, reason: str) -> None:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    logger.error("%s is damaged (%s); moved to %s, a new one is begun", path, reason, aside)
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _version_in_header(path: Path) -> int:
    """Without SQLite: opening a database in WAL mode may already change files beside it."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return 0
    if not header.startswith(_MAGIC):
        return 0
    return int.from_bytes(header[_VERSION_OFFSET : _VERSION_OFFSET + 4], "big", signed=True)


def _version_in_log(path: Path) -> int:
    """With what is only in the write-ahead log; a reader cannot move it into the file."""
    try:
        with closing(open_reader(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return int(version)
    except sqlite3.Error:
        return 0
