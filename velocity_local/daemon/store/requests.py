"""The history of requests: one function for each question asked of it."""

import sqlite3
from typing import Literal

import msgspec

from velocity_local.core.history import RequestRow
from velocity_local.daemon.store import cursors
from velocity_local.daemon.store.cursors import Cursor
from velocity_local.daemon.store.patterns import containing

Sort = Literal["created", "ttft", "total", "completion_tokens"]
MAX_PAGE = 500

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(RequestRow))
_LIST = ", ".join(_COLUMNS)
_SELECT = f"SELECT {_LIST} FROM requests"  # noqa: S608 - our own struct's names
_SAVE = (
    f"INSERT INTO requests ({_LIST}) "  # noqa: S608 - as above
    f"VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS)}"
)
# a null sorts below every value
_SORT_KEYS: dict[Sort, str] = {
    "created": "created_s",
    "ttft": "COALESCE(ttft_ms, -1.0)",
    "total": "COALESCE(total_ms, -1.0)",
    "completion_tokens": "COALESCE(completion_tokens, -1)",
}
_TEXT_FIELDS = ("id", "model", "error_code", "error_message", "client")


class Filter(msgspec.Struct, frozen=True):
    """Which requests: all that are given must hold. `until_s` itself is not included.

    `text` is looked for in id, model, error and client, whatever its case.
    """

    model: str | None = None
    status: str | None = None
    dialect: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    text: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Some rows, and what to ask with for those after them; None at the end."""

    rows: tuple[RequestRow, ...]
    next: str | None


def save(connection: sqlite3.Connection, row: RequestRow) -> None:
    """Insert the row, or put it in place of the one with its id."""
    connection.execute(_SAVE, msgspec.structs.astuple(row))


def interrupt_running(connection: sqlite3.Connection) -> int:
    """End the rows that a daemon left behind; the number of them."""
    return connection.execute(
        "UPDATE requests SET status = 'interrupted', error_code = 'interrupted', "
        "error_message = 'the daemon ended before the request did' WHERE status = 'running'"
    ).rowcount


def get(connection: sqlite3.Connection, request_id: str) -> RequestRow | None:
    found = connection.execute(f"{_SELECT} WHERE id = ?", (request_id,)).fetchone()
    return None if found is None else _row(found)


def delete(connection: sqlite3.Connection, request_id: str) -> bool:
    """Forget one request; False if there is none of that id."""
    return connection.execute("DELETE FROM requests WHERE id = ?", (request_id,)).rowcount > 0


def delete_before(connection: sqlite3.Connection, before_s: float) -> int:
    """Forget the requests created before that time, running ones excepted; how many."""
    return connection.execute(
        "DELETE FROM requests WHERE created_s < ? AND status <> 'running'", (before_s,)
    ).rowcount


def page(
    connection: sqlite3.Connection,
    which: Filter,
    *,
    sort: Sort = "created",
    is_ascending: bool = False,
    limit: int = 50,
    after: str | None = None,
) -> Page:
    """At most `limit` rows after the cursor `after`, the newest or greatest first.

    Raises:
        InvalidRequest: if `after` is not a cursor.
    """
    conditions, values = _conditions(which)
    key = _SORT_KEYS[sort]
    if after is not None:
        cursor = cursors.decode(after)
        conditions.append(f"({key}, id) {'>' if is_ascending else '<'} (?, ?)")
        values += (cursor.value, cursor.id)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    way = "ASC" if is_ascending else "DESC"
    found = connection.execute(
        f"SELECT {key}, {_LIST} FROM requests{where} "  # noqa: S608 - names and keys are literals
        f"ORDER BY {key} {way}, id {way} LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    rows = tuple(_row(columns[1:]) for columns in found[:limit])
    has_more = len(found) > limit
    last = cursors.encode(Cursor(found[limit - 1][0], rows[-1].id)) if has_more else None
    return Page(rows, last)


def _conditions(which: Filter) -> tuple[list[str], list[object]]:
    tests: tuple[tuple[str, object], ...] = (
        ("model = ?", which.model),
        ("status = ?", which.status),
        ("dialect = ?", which.dialect),
        ("created_s >= ?", which.since_s),
        ("created_s < ?", which.until_s),
    )
    conditions = [test for test, value in tests if value is not None]
    values = [value for _, value in tests if value is not None]
    if which.text:
        pattern = containing(which.text)
        conditions.append(
            "(" + " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in _TEXT_FIELDS) + ")"
        )
        values += [pattern] * len(_TEXT_FIELDS)
    return conditions, values


def _row(columns: tuple[object, ...]) -> RequestRow:
    return msgspec.convert(dict(zip(_COLUMNS, columns, strict=True)), RequestRow, strict=False)
