"""The one thread that writes: all rows waiting at a moment are committed together.

When the disk is full, locked or gone, rows are kept in memory up to a bound and written when it
is back; nobody waits for that, and `degraded` says why.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from velocity_local.core.clock import Clock
from velocity_local.core.killpoints import maybe_kill
from velocity_local.daemon.store.database import DAMAGE, DatabaseTooNew
from velocity_local.daemon.store.jobs import Held, Kept, Once

logger = logging.getLogger(__name__)

HELD_BYTES = 16 * 1024 * 1024
RETRY_S = 1.0
CHECKPOINT_ROWS = 500
_CLOSE_TIMEOUT_S = 15.0
# what one row may do wrong; the transaction it is in can go on without it
_ROW_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    ValueError,
    OverflowError,
)
# what the machine may do wrong; time may mend it
_STORE_FAULTS = (sqlite3.Error, OSError, DatabaseTooNew)


class Writer:
    """Owns the writing connection. All methods but `start` and `close` return at once.

    `connect` is told whether the file is suspected to be damaged. `observe_commit` is called on
    this thread with (seconds, rows) after each durable commit.
    """

    def __init__(
        self,
        connect: Callable[[bool], sqlite3.Connection],
        *,
        clock: Clock,
        observe_commit: Callable[[float, int], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._observe_commit = observe_commit
        self._retry_s = retry_s
        self._inbox: queue.SimpleQueue[Kept | Once | None] = queue.SimpleQueue()
        self._held = Held(HELD_BYTES)
        self._batch: list[Kept | Once | None] = []
        self._has_ended = False
        self._connection: sqlite3.Connection | None = None
        self._retry_at_s = 0.0
        self._is_suspect = False
        self._rows_since_checkpoint = 0
        self._is_full_sync: bool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="history-writer", daemon=True)
        self.degraded: str | None = None

    @property
    def lost_rows(self) -> int:
        """Rows that could not be kept: more than the bound, or not writable at all."""
        return self._held.lost_rows

    @property
    def held_rows(self) -> int:
        return self._held.row_count

    def start(self) -> None:
        """Begin on the running event loop, where waiters are told."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def put(self, job: Kept | Once) -> None:
        self._inbox.put(job)
        if self._has_ended:
            self._give_up()

    async def close(self) -> None:
        """Write what is there and end the thread."""
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join, _CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._has_ended = True
            self.degraded = self.degraded or "the history is closed"
            self._give_up()
            self._disconnect()

    def _work(self) -> None:
        is_open = True
        while is_open:
            self._batch = self._take()
            is_open = None not in self._batch
            if not is_open:
                self._retry_at_s = 0.0
            self._commit([job for job in self._batch if isinstance(job, Kept)])
            for job in self._batch:
                if isinstance(job, Once):
                    self._perform(job)
            self._batch = []
            self._checkpoint()
        if self.held_rows:
            logger.error("history: %d rows are lost: %s", self.held_rows, self.degraded)

    def _give_up(self) -> None:
        """Tell whoever still waits: nobody waits for a thread that has ended, whatever ended it."""
        left = [*self._batch, *self._take_all()]
        self._held.lost_rows += sum(isinstance(job, Kept) for job in left)
        self._tell([job.waiter for job in left if isinstance(job, Kept) and job.waiter])
        for job in left:
            if isinstance(job, Once):
                self._call(_settle, job.waiter, None, sqlite3.OperationalError(self.degraded))

    def _take_all(self) -> list[Kept | Once | None]:
        jobs = []
        while not self._inbox.empty():
            jobs.append(self._inbox.get_nowait())
        return jobs

    def _take(self) -> list[Kept | Once | None]:
        """Every job that waits; after a while none, if the disk is to be tried again."""
        try:
            first = self._inbox.get(timeout=None if self.degraded is None else self._retry_s)
        except queue.Empty:
            return []
        return [first, *self._take_all()]

    def _commit(self, jobs: list[Kept]) -> None:
        self._held.add(jobs)
        is_due = self._clock.monotonic_s() >= self._retry_at_s
        if is_due and (self._held.rows or self.degraded is not None):
            try:
                self._write(list(self._held.rows))
            except _STORE_FAULTS as error:
                self._degrade(error)
            else:
                self._held.clear()
                self._recover()
        self._held.trim()
        self._tell([job.waiter for job in jobs if job.waiter is not None])

    def _write(self, rows: list[Kept]) -> None:
        is_durable = any(row.waiter is not None for row in rows)
        connection = self._ready(is_full_sync=is_durable)
        begun_s = self._clock.monotonic_s()
        connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            maybe_kill("history.before_insert")
            self._apply(connection, row)
            maybe_kill("history.after_insert")
        connection.execute("COMMIT")
        maybe_kill("history.after_commit")
        self._rows_since_checkpoint += len(rows)
        if is_durable:
            self._observe_commit(self._clock.monotonic_s() - begun_s, len(rows))

    def _apply(self, connection: sqlite3.Connection, row: Kept) -> None:
        try:
            row.apply(connection)
        except _ROW_FAULTS:
            self._held.lost_rows += 1
            logger.exception("history: a row cannot be written")

    def _perform(self, job: Once) -> None:
        result: object = None
        failure: Exception | None = None
        try:
            connection = self._ready(is_full_sync=True)
            connection.execute("BEGIN IMMEDIATE")
            result = job.apply(connection)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # deleted text leaves the disk
        except (*_STORE_FAULTS, *_ROW_FAULTS) as error:
            failure = error
            self._disconnect()
        self._call(_settle, job.waiter, result, failure)

    def _ready(self, *, is_full_sync: bool) -> sqlite3.Connection:
        """The connection. Rows that nobody waits for are not worth a sync of the disk."""
        if self._connection is None:
            self._connection = self._connect(self._is_suspect)
            self._is_full_sync = None
        if self._is_full_sync != is_full_sync:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if is_full_sync else 'NORMAL'}")
            self._is_full_sync = is_full_sync
        return self._connection

    def _checkpoint(self) -> None:
        """Move the log into the file, now that nobody waits for a commit."""
        if self._connection is None or self._rows_since_checkpoint < CHECKPOINT_ROWS:
            return
        self._rows_since_checkpoint = 0
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            self._degrade(error)

    def _degrade(self, error: Exception) -> None:
        if self.degraded is None:
            logger.error("history is not written, rows are kept in memory: %s", error)
        self.degraded = str(error)
        self._is_suspect = getattr(error, "sqlite_errorcode", None) in DAMAGE
        self._retry_at_s = self._clock.monotonic_s() + self._retry_s
        self._disconnect()

    def _recover(self) -> None:
        if self.degraded is not None:
            logger.warning("history is written again; %d rows were lost", self.lost_rows)
        self.degraded = None

    def _disconnect(self) -> None:
        """Close, which also ends a transaction that is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _tell(self, waiters: "list[asyncio.Future[None]]") -> None:
        if waiters:
            self._call(_release, waiters)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def _release(waiters: "list[asyncio.Future[None]]") -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


def _settle(waiter: "asyncio.Future[Any]", result: object, failure: Exception | None) -> None:
    if waiter.done():
        return
    if failure is None:
        waiter.set_result(result)
    else:
        waiter.set_exception(failure)
