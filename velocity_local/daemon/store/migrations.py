"""The schema's history: one function for each step, in order, never changed once released.

A step and the record of it are one transaction; the database's `user_version` is the number of
steps it has seen. The step's own log lives in sqlite-utils' `_sqlite_migrations`.
"""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from velocity_local.core.killpoints import maybe_kill

if TYPE_CHECKING:
    from sqlite_utils import Database

Step = Callable[[sqlite3.Connection], None]


def m001_requests(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE requests (
            id TEXT PRIMARY KEY NOT NULL,
            created_s REAL NOT NULL,
            dialect TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            model TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            status TEXT NOT NULL,
            http_status INTEGER NOT NULL,
            stream INTEGER NOT NULL,
            parameters TEXT NOT NULL,
            client TEXT NOT NULL,
            choices INTEGER NOT NULL,
            prompt_tokens INTEGER,
            cached_tokens INTEGER,
            completion_tokens INTEGER,
            queue_ms REAL,
            load_ms REAL,
            prefill_ms REAL,
            ttft_ms REAL,
            itl_p50_ms REAL,
            itl_p95_ms REAL,
            itl_max_ms REAL,
            decode_ms REAL,
            total_ms REAL,
            tokens_per_s REAL,
            finish_reason TEXT,
            resumes INTEGER NOT NULL,
            error_code TEXT,
            error_message TEXT,
            prompt_text TEXT,
            answer_text TEXT
        )
        """
    )
    connection.execute("CREATE INDEX requests_created ON requests (created_s, id)")
    connection.execute("CREATE INDEX requests_running ON requests (id) WHERE status = 'running'")


def m002_loads(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE loads (
            at_s REAL NOT NULL,
            model TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            options TEXT NOT NULL,
            weights_bytes INTEGER NOT NULL,
            kv_bytes INTEGER NOT NULL,
            compute_bytes INTEGER NOT NULL,
            load_ms REAL NOT NULL,
            formula_bytes INTEGER,
            dry_run_bytes INTEGER,
            PRIMARY KEY (fingerprint, options)
        )
        """
    )


def m003_energy(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE requests ADD COLUMN energy_j REAL")


def m004_speculation(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE requests ADD COLUMN drafted_tokens INTEGER")
    connection.execute("ALTER TABLE requests ADD COLUMN accepted_tokens INTEGER")


def m005_conversations(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE conversations (
            id TEXT PRIMARY KEY NOT NULL,
            title TEXT NOT NULL,
            model TEXT NOT NULL,
            parameters TEXT NOT NULL,
            head TEXT,
            created_s REAL NOT NULL,
            changed_s REAL NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX conversations_changed ON conversations (changed_s, id)")
    connection.execute(
        """
        CREATE TABLE turns (
            number INTEGER PRIMARY KEY,
            conversation TEXT NOT NULL REFERENCES conversations (id),
            id TEXT NOT NULL,
            parent TEXT,
            role TEXT NOT NULL,
            text TEXT NOT NULL,
            created_s REAL NOT NULL,
            reasoning TEXT NOT NULL,
            model TEXT NOT NULL,
            note TEXT NOT NULL,
            request_id TEXT,
            attachments TEXT NOT NULL,
            UNIQUE (conversation, id)
        )
        """
    )


def m006_sorted_requests(connection: sqlite3.Connection) -> None:
    for name, key in (
        ("ttft", "COALESCE(ttft_ms, -1.0)"),
        ("total", "COALESCE(total_ms, -1.0)"),
        ("completion_tokens", "COALESCE(completion_tokens, -1)"),
    ):
        connection.execute(f"CREATE INDEX requests_{name} ON requests ({key}, id)")
    connection.execute("CREATE INDEX requests_status ON requests (status, created_s, id)")


STEPS: tuple[Step, ...] = (
    m001_requests,
    m002_loads,
    m003_energy,
    m004_speculation,
    m005_conversations,
    m006_sorted_requests,
)


def apply(connection: sqlite3.Connection, steps: tuple[Step, ...] = STEPS) -> None:
    """Take the database through the steps it has not seen.

    Raises:
        sqlite3.Error: if a step fails; that step is then undone and those before it stay.
    """
    from sqlite_utils import Database, Migrations  # noqa: PLC0415 - 70 ms, only if one is pending

    migrations = Migrations("velocity-local")
    for version, step in enumerate(steps, start=1):
        migrations(name=step.__name__)(_recorded(step, version))
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))


def _recorded(step: Step, version: int) -> Callable[["Database"], None]:
    def run(database: "Database") -> None:
        maybe_kill("migration.before_step")
        step(database.conn)
        database.conn.execute(f"PRAGMA user_version = {version:d}")
        maybe_kill("migration.after_step")

    return run
