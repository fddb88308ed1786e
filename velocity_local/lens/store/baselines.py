"""Questions about baselines: names for runs that others are held against."""

import sqlite3
from collections.abc import Sequence

import msgspec

from velocity_local.lens.results import RunResult


class Baseline(msgspec.Struct, frozen=True):
    """A name, when it was given (Unix time), and to which runs."""

    name: str
    made_at_s: float
    run_ids: tuple[str, ...]


def put(
    connection: sqlite3.Connection, name: str, run_ids: Sequence[str], *, made_at_s: float
) -> None:
    """Give those runs the name; what had it before loses it."""
    connection.execute("DELETE FROM baselines WHERE name = ?", (name,))
    connection.execute("INSERT INTO baselines VALUES (?, ?)", (name, made_at_s))
    rows = [(name, run_id) for run_id in dict.fromkeys(run_ids)]
    connection.executemany("INSERT INTO baseline_runs VALUES (?, ?)", rows)


def runs_of(connection: sqlite3.Connection, name: str) -> list[RunResult]:
    """The runs of that name, oldest first; none if nothing has it."""
    rows = connection.execute(
        "SELECT result FROM baseline_runs JOIN runs ON runs.id = run_id"
        " WHERE baseline_runs.name = ? ORDER BY started_at_s, runs.id",
        (name,),
    )
    return [msgspec.msgpack.decode(data, type=RunResult) for (data,) in rows]


def all_names(connection: sqlite3.Connection) -> list[Baseline]:
    """Every baseline, by name."""
    rows = connection.execute(
        "SELECT baselines.name, made_at_s, run_id FROM baselines"
        " LEFT JOIN baseline_runs USING (name) ORDER BY baselines.name, run_id"
    ).fetchall()
    names = dict.fromkeys((name, made_at_s) for name, made_at_s, _ in rows)
    return [
        Baseline(name, made_at_s, tuple(row[2] for row in rows if row[0] == name and row[2]))
        for name, made_at_s in names
    ]


def drop(connection: sqlite3.Connection, name: str) -> bool:
    """Take the name away and keep the runs; whether anything had it."""
    return connection.execute("DELETE FROM baselines WHERE name = ?", (name,)).rowcount > 0
