"""The lens's memory: runs for trends, and baselines, in a file of its own in the data folder."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from velocity_local.core.clock import Clock, SystemClock
from velocity_local.lens.quantities import Quantity
from velocity_local.lens.results import RunResult
from velocity_local.lens.store import baselines, runs
from velocity_local.lens.store.baselines import Baseline
from velocity_local.lens.store.database import StoreUnusable, open_database
from velocity_local.lens.store.runs import Listed, Point, RunFilter

FILE_NAME = "lens.db"
_ANY = RunFilter()


class NotKept(LookupError):
    """No such run or baseline; the message says which."""


class InUse(ValueError):
    """A run cannot be forgotten while it is part of a baseline."""


class Shelf:
    """Used as a context manager, by one thread. Every change is one transaction."""

    def __init__(self, folder: Path, *, clock: Clock | None = None) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock or SystemClock()
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Open the file, made if it is missing.

        Raises:
            StoreUnusable: if it cannot be used.
        """
        self._connection = open_database(self._path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._connection is not None
        with closing(self._connection):
            self._connection = None

    def save(self, made: Iterable[RunResult]) -> None:
        """Keep runs with all their requests; those of the same id are replaced."""
        with self._changing() as connection:
            for run in made:
                runs.save(connection, run)

    def run(self, run_id: str) -> RunResult:
        """The run of that id.

        Raises:
            NotKept: if there is none.
        """
        with self._asking() as connection:
            found = runs.get(connection, run_id)
        if found is None:
            raise NotKept(f"no run {run_id!r} is kept")
        return found

    def newest(self, which: RunFilter = _ANY, *, limit: int = 50) -> list[Listed]:
        """Runs without their requests, newest first."""
        with self._asking() as connection:
            return runs.newest(connection, which, limit=limit)

    def trend(self, quantity: Quantity, which: RunFilter = _ANY, *, limit: int = 50) -> list[Point]:
        """One figure over time, oldest first; void runs are left out."""
        with self._asking() as connection:
            return runs.trend(connection, quantity, which, limit=limit)

    def delete(self, run_id: str) -> None:
        """Forget a run.

        Raises:
            NotKept: if there is none.
            InUse: if a baseline has it.
        """
        try:
            with self._changing() as connection:
                if not runs.delete(connection, run_id):
                    raise NotKept(f"no run {run_id!r} is kept")
        except sqlite3.IntegrityError as error:
            raise InUse(f"run {run_id} is part of a baseline; delete that first") from error

    def set_baseline(self, name: str, run_ids: Sequence[str]) -> None:
        """Name kept runs as a baseline; what had the name loses it.

        Raises:
            NotKept: if one of the runs is not kept.
        """
        now_s = self._clock.wall_s()
        try:
            with self._changing() as connection:
                baselines.put(connection, name, run_ids, made_at_s=now_s)
        except sqlite3.IntegrityError as error:
            raise NotKept(f"not all runs are kept: {', '.join(run_ids)}") from error

    def baseline(self, name: str) -> list[RunResult]:
        """The runs of that baseline, oldest first.

        Raises:
            NotKept: if there is no such baseline.
        """
        with self._asking() as connection:
            found = baselines.runs_of(connection, name)
        if not found:
            known = ", ".join(baseline.name for baseline in self.baselines()) or "none"
            raise NotKept(f"no baseline {name!r}; there is: {known}")
        return found

    def baselines(self) -> list[Baseline]:
        """Every baseline, by name."""
        with self._asking() as connection:
            return baselines.all_names(connection)

    def drop_baseline(self, name: str) -> None:
        """Take the name away and keep the runs.

        Raises:
            NotKept: if there is no such baseline.
        """
        with self._changing() as connection:
            if not baselines.drop(connection, name):
                raise NotKept(f"no baseline {name!r}")

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        assert self._connection is not None, "the shelf is used as a context manager"
        try:
            yield self._connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self._path}: {error}") from error

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._asking() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
