"""The history as the rest of the daemon sees it: rows go in, questions are answered."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from velocity_local.core.clock import Clock
from velocity_local.core.errors import CapacityError, NotFound
from velocity_local.core.history import RequestRow, Stats
from velocity_local.core.loads import LoadRow
from velocity_local.daemon.store import loads, requests, statistics
from velocity_local.daemon.store.database import check_version, open_writer
from velocity_local.daemon.store.jobs import Apply, Kept, Once
from velocity_local.daemon.store.readers import Readers
from velocity_local.daemon.store.requests import Filter, Page, Sort
from velocity_local.daemon.store.writer import RETRY_S, Writer

T = TypeVar("T")
_ROW_BYTES = 1024  # of a row beside its texts, generously
_RETRY_AFTER_S = 5.0


def _no_observer(_seconds: float, _rows: int) -> None:
    """For those who do not measure commits."""


class History:
    """One row for each request, on disk when `record` returns.

    If the disk fails, `record` returns all the same, `degraded` says why, and the rows follow
    when it is back.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        observe_commit: Callable[[float, int], None] = _no_observer,
        retry_s: float = RETRY_S,
    ) -> None:
        self._path = path
        self._clock = clock
        self._readers = Readers(path)
        self._first_commit: asyncio.Future[None] | None = None
        self._writer = Writer(
            lambda is_suspect: open_writer(path, is_suspect=is_suspect),
            clock=clock,
            observe_commit=observe_commit,
            retry_s=retry_s,
        )

    async def open(self) -> None:
        """Begin. The writer brings the database up to date and ends what another daemon left
        running, while the caller goes on; questions wait for that, rows are taken at once.

        Raises:
            DatabaseTooNew: with the file untouched.
        """
        await asyncio.to_thread(check_version, self._path)
        self._writer.start()
        self._first_commit = self._keep(requests.interrupt_running, size_bytes=0)

    async def close(self) -> None:
        """Write what is waiting. The writer is the last to leave: it empties the log."""
        await self._readers.close()
        await self._writer.close()

    @property
    def degraded(self) -> str | None:
        """Why rows are kept in memory and not on disk, or None."""
        return self._writer.degraded

    @property
    def held_rows(self) -> int:
        return self._writer.held_rows

    @property
    def lost_rows(self) -> int:
        """Rows of this run that no longer fitted in memory, or could not be written at all."""
        return self._writer.lost_rows

    def begin(self, row: RequestRow) -> None:
        """Note that a request runs; nobody waits for it."""
        self._writer.put(Kept(partial(_save, row), _size_bytes(row)))

    async def record(self, row: RequestRow) -> None:
        """Return once the row is on disk, or `degraded` says why it is not."""
        await self._keep(partial(_save, row), size_bytes=_size_bytes(row))

    def keep_load(self, row: LoadRow) -> None:
        """Note what a load took; nobody waits for it."""
        self._writer.put(Kept(partial(_save_load, row), _ROW_BYTES))

    async def loads(self, limit: int = 200) -> list[LoadRow]:
        """The newest loads, each way of loading a model once.

        Raises:
            CapacityError: if the history cannot be read now.
        """
        return await self.ask(lambda connection: loads.newest(connection, limit))

    async def get(self, request_id: str) -> RequestRow:
        """The request of that id.

        Raises:
            NotFound: if there is none.
            CapacityError: if the history cannot be read now.
        """
        row = await self.ask(lambda connection: requests.get(connection, request_id))
        if row is None:
            raise _no_such(request_id)
        return row

    async def page(
        self,
        which: Filter,
        *,
        sort: Sort = "created",
        is_ascending: bool = False,
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """At most `limit` rows after the cursor `after`.

        Raises:
            InvalidRequest: if `after` is not a cursor.
            CapacityError: if the history cannot be read now.
        """
        return await self.ask(
            lambda connection: requests.page(
                connection, which, sort=sort, is_ascending=is_ascending, limit=limit, after=after
            )
        )

    async def stats(self, window_s: float) -> Stats:
        """Traffic of the last `window_s` seconds.

        Raises:
            CapacityError: if the history cannot be read now.
        """
        now_s = self._clock.wall_s()
        return await self.ask(
            lambda connection: statistics.stats(connection, now_s - window_s, now_s)
        )

    async def delete(self, request_id: str) -> None:
        """Forget one request.

        Raises:
            NotFound: if there is none.
            CapacityError: if the history cannot be changed now.
        """
        if not await self.once(lambda connection: requests.delete(connection, request_id)):
            raise _no_such(request_id)

    async def delete_before(self, before_s: float) -> int:
        """Forget the requests created before that time; how many there were.

        Raises:
            CapacityError: if the history cannot be changed now.
        """
        return await self.once(lambda connection: requests.delete_before(connection, before_s))

    def _keep(self, apply: Apply, *, size_bytes: int) -> "asyncio.Future[None]":
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.put(Kept(apply, size_bytes, waiter))
        return waiter

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What `question` answers, on a thread that reads.

        Raises:
            CapacityError: if the history cannot be read now.
        """
        if self._first_commit is not None:
            await asyncio.shield(self._first_commit)
        return await self._readers.ask(question)

    async def once(self, apply: Callable[[sqlite3.Connection], T]) -> T:
        """What `apply` returns, committed. It runs on the thread that writes and must not raise
        but for SQLite's own errors.

        Raises:
            CapacityError: if the history cannot be changed now.
        """
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.put(Once(apply, waiter))
        try:
            return await waiter
        except (sqlite3.Error, OSError) as error:
            raise CapacityError(
                f"the history cannot be changed now: {error}", retry_after_s=_RETRY_AFTER_S
            ) from error


def _save(row: RequestRow, connection: sqlite3.Connection) -> None:
    requests.save(connection, row)


def _save_load(row: LoadRow, connection: sqlite3.Connection) -> None:
    loads.save(connection, row)


def _size_bytes(row: RequestRow) -> int:
    texts = (row.parameters, row.prompt_text, row.answer_text, row.error_message)
    return _ROW_BYTES + sum(len(text) for text in texts if text is not None)


def _no_such(request_id: str) -> NotFound:
    return NotFound(f"no request {request_id!r} in the history", param="id")
