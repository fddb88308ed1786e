"""Threads that read: a question never runs on the event loop and never waits for a writer."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from velocity_local.core.errors import CapacityError
from velocity_local.daemon.store.database import open_reader

T = TypeVar("T")

_THREADS = 2
_RETRY_AFTER_S = 5.0


class Readers:
    """A few connections that cannot write, one for each thread, opened when first used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="history-reader")
        self._local = threading.local()
        self._open: set[sqlite3.Connection] = set()

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to `question`, which gets a connection.

        Raises:
            CapacityError: if the database cannot be read now.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._answer, question)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._open:
            connection.close()

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return question(self._connection())
        except sqlite3.Error as error:
            self._forget()
            raise CapacityError(
                f"the history cannot be read now: {error}", retry_after_s=_RETRY_AFTER_S
            ) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_reader(self._path)
            self._local.connection = connection
            self._open.add(connection)
        return connection

    def _forget(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._open.discard(connection)
            connection.close()
