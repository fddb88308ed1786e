"""The lens's own database file: opened, hardened, brought up to date; several programs may use it.

WAL lets them read while one writes; a writer waits up to 5 s for another. `user_version` is the
number of steps the schema has seen; steps are never changed once released.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

BUSY_TIMEOUT_S = 5.0
Step = Callable[[sqlite3.Connection], None]


class StoreUnusable(Exception):
    """The file cannot be used; the message names it and says what to do."""


def open_database(path: Path) -> sqlite3.Connection:
    """A connection with the schema up to date; the file is made for this user alone.

    Raises:
        StoreUnusable: if it is damaged, of a later release, or cannot be written.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnusable(f"cannot open {path}: {error}") from error
    try:
        _prepare(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        message = f"{path} cannot be used ({error}); move it away to begin anew"
        raise StoreUnusable(message) from error
    except StoreUnusable:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    if _version(connection, path) == len(STEPS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection, path), len(STEPS)):
            STEPS[number](connection)
        connection.execute(f"PRAGMA user_version = {len(STEPS):d}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(STEPS):
        raise StoreUnusable(
            f"{path} has schema version {version}; this release knows up to {len(STEPS)}:"
            " install the newer release again, or move the file away"
        )
    return int(version)


def m001_runs(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY NOT NULL,
            started_at_s REAL NOT NULL,
            name TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            scenario TEXT NOT NULL,
            workload TEXT NOT NULL,
            cache_state TEXT NOT NULL,
            condition TEXT NOT NULL,
            n_requests INTEGER NOT NULL,
            void_reason TEXT,
            facts TEXT NOT NULL,
            result BLOB NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX runs_started ON runs (started_at_s, id)")
    connection.execute(
        """
        CREATE TABLE figures (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            quantity TEXT NOT NULL,
            value REAL NOT NULL,
            low REAL,
            high REAL,
            n INTEGER NOT NULL,
            PRIMARY KEY (run_id, quantity)
        ) WITHOUT ROWID
        """
    )
    connection.execute(
        "CREATE TABLE baselines (name TEXT PRIMARY KEY NOT NULL, made_at_s REAL NOT NULL)"
    )
    connection.execute(
        """
        CREATE TABLE baseline_runs (
            name TEXT NOT NULL REFERENCES baselines (name) ON DELETE CASCADE,
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE RESTRICT,
            PRIMARY KEY (name, run_id)
        ) WITHOUT ROWID
        """
    )


STEPS: tuple[Step, ...] = (m001_runs,)
