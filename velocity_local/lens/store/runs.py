"""Questions about runs, one function each."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from velocity_local.lens.changes import Estimate, estimate
from velocity_local.lens.conditions import condition_of, facts
from velocity_local.lens.quantities import SHOWN, Quantity
from velocity_local.lens.results import CacheState, RunResult

_LIST_COLUMNS = (
    "id, started_at_s, name, provider, model, scenario, workload, cache_state, condition,"
    " n_requests, void_reason"
)
_MATCHES = (
    "(:name IS NULL OR name = :name) AND (:model IS NULL OR model = :model)"
    " AND (:provider IS NULL OR provider = :provider)"
    " AND (:scenario IS NULL OR scenario = :scenario) AND started_at_s >= :since_s"
)


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; None means any."""

    name: str | None = None
    model: str | None = None
    provider: str | None = None
    scenario: str | None = None
    since_s: float = 0.0


class Listed(msgspec.Struct, frozen=True):
    """A run without its requests. `figures` are its `quantities.SHOWN`, by name."""

    id: str
    started_at_s: float
    name: str
    provider: str
    model: str
    scenario: str
    workload: str
    cache_state: CacheState
    condition: str
    n_requests: int
    void_reason: str | None
    figures: dict[str, Estimate] = {}


class Point(msgspec.Struct, frozen=True):
    """One run's figure in a trend; `facts` are those of its environment."""

    run_id: str
    started_at_s: float
    name: str
    provider: str
    model: str
    condition: str
    estimate: Estimate
    facts: dict[str, str | int | float | bool | None]


def save(connection: sqlite3.Connection, run: RunResult) -> None:
    """Keep a run with its figures; one of the same id is replaced."""
    row = (
        run.id,
        run.started_at_s,
        run.name,
        run.provider,
        run.model,
        run.scenario,
        run.workload,
        run.cache_state.value,
        condition_of(run).name,
        run.n_requests,
        run.void_reason,
        msgspec.json.encode(facts(run)).decode(),
        msgspec.msgpack.encode(run),
    )
    connection.execute(
        f"INSERT INTO runs ({_LIST_COLUMNS}, facts, result) VALUES ({', '.join('?' * len(row))})"  # noqa: S608 - names of ours
        " ON CONFLICT (id) DO UPDATE SET started_at_s = excluded.started_at_s,"
        " name = excluded.name, provider = excluded.provider, model = excluded.model,"
        " scenario = excluded.scenario, workload = excluded.workload,"
        " cache_state = excluded.cache_state, condition = excluded.condition,"
        " n_requests = excluded.n_requests, void_reason = excluded.void_reason,"
        " facts = excluded.facts, result = excluded.result",
        row,
    )
    connection.execute("DELETE FROM figures WHERE run_id = ?", (run.id,))
    connection.executemany("INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?)", _figures(run))


def get(connection: sqlite3.Connection, run_id: str) -> RunResult | None:
    """The run of that id."""
    row = connection.execute("SELECT result FROM runs WHERE id = ?", (run_id,)).fetchone()
    return None if row is None else msgspec.msgpack.decode(row[0], type=RunResult)


def newest(connection: sqlite3.Connection, which: RunFilter, *, limit: int) -> list[Listed]:
    """Runs, newest first."""
    listed = (
        f"SELECT {_LIST_COLUMNS} FROM runs WHERE {_MATCHES}"  # noqa: S608 - names of ours
        " ORDER BY started_at_s DESC, id DESC LIMIT :limit"
    )
    wanted = {**msgspec.structs.asdict(which), "limit": limit}
    figures: dict[str, dict[str, Estimate]] = {}
    for run_id, quantity, value, n, low, high in connection.execute(
        "SELECT run_id, quantity, value, n, low, high FROM figures"  # noqa: S608 - as above
        f" WHERE run_id IN (SELECT id FROM ({listed}))",
        wanted,
    ):
        figures.setdefault(run_id, {})[quantity] = Estimate(value, n, low, high)
    rows = map(_named, connection.execute(listed, wanted))
    return [
        msgspec.convert({**row, "figures": figures.get(str(row["id"]), {})}, Listed) for row in rows
    ]


def trend(
    connection: sqlite3.Connection, quantity: Quantity, which: RunFilter, *, limit: int
) -> list[Point]:
    """One figure of the newest runs that have it, oldest first; void runs are left out."""
    rows = connection.execute(
        "SELECT runs.id, started_at_s, name, provider, model, condition, facts, value, low, high, n"  # noqa: S608 - names of ours
        " FROM figures JOIN runs ON runs.id = figures.run_id"
        f" WHERE quantity = :quantity AND void_reason IS NULL AND {_MATCHES}"
        " ORDER BY started_at_s DESC, runs.id DESC LIMIT :limit",
        {**msgspec.structs.asdict(which), "quantity": quantity.name, "limit": limit},
    ).fetchall()
    return [_point(row) for row in reversed(rows)]


def delete(connection: sqlite3.Connection, run_id: str) -> bool:
    """Forget a run; whether there was one. A run of a baseline raises IntegrityError."""
    return connection.execute("DELETE FROM runs WHERE id = ?", (run_id,)).rowcount > 0


def _point(row: tuple[Any, ...]) -> Point:
    run_id, started_at_s, name, provider, model, condition, known, value, low, high, n = row
    return Point(
        run_id=run_id,
        started_at_s=started_at_s,
        name=name,
        provider=provider,
        model=model,
        condition=condition,
        estimate=Estimate(value, n, low, high),
        facts=msgspec.json.decode(known),
    )


def _named(row: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(_LIST_COLUMNS.split(", "), row, strict=True))


def _figures(run: RunResult) -> Iterable[tuple[object, ...]]:
    for quantity in SHOWN:
        found = estimate([run], quantity)
        if found is not None:
            yield run.id, quantity.name, found.value, found.low, found.high, found.n
