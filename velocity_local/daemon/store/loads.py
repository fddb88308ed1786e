"""Loads of this machine: one row for each way in which a model was loaded, the last one."""

import sqlite3

import msgspec

from velocity_local.core.loads import LoadRow

_COLUMNS = tuple(field.name for field in msgspec.structs.fields(LoadRow))
_LIST = ", ".join(_COLUMNS)
_SAVE = (
    f"INSERT OR REPLACE INTO loads ({_LIST}) "  # noqa: S608 - our own struct's names
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_NEWEST = f"SELECT {_LIST} FROM loads ORDER BY at_s DESC LIMIT ?"  # noqa: S608 - as above


def save(connection: sqlite3.Connection, row: LoadRow) -> None:
    connection.execute(_SAVE, msgspec.structs.astuple(row))


def newest(connection: sqlite3.Connection, limit: int) -> list[LoadRow]:
    return [LoadRow(*values) for values in connection.execute(_NEWEST, (limit,))]
