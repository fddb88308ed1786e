"""The history under use and under faults: nothing acknowledged is missing, nobody waits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.unit.daemon.store.rows import row
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import CapacityError, NotFound
from velocity_local.daemon.store import database, requests, writer
from velocity_local.daemon.store.database import DatabaseTooNew, open_writer
from velocity_local.daemon.store.history import History
from velocity_local.daemon.store.jobs import Kept
from velocity_local.daemon.store.requests import Filter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.0)


@asynccontextmanager
async def opened(
    path: Path, observe: Callable[[float, int], None] = lambda _seconds, _rows: None
) -> AsyncIterator[History]:
    history = History(path, clock=SystemClock(), observe_commit=observe, retry_s=0.01)
    await history.open()
    try:
        yield history
    finally:
        await history.close()


def on_disk(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT id, status FROM requests"))


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_true():  # noqa: ASYNC110 - the writer is a thread and tells nobody
            await asyncio.sleep(0.001)


async def test_a_recorded_row_is_on_disk_when_record_returns(path: Path) -> None:
    async with opened(path) as history:
        history.begin(row("a", status="running"))
        await history.record(row("a", completion_tokens=3))
        assert on_disk(path) == {"a": "ok"}
        assert await history.get("a") == row("a", completion_tokens=3)
        assert history.degraded is None


async def test_rows_that_wait_together_are_committed_together(path: Path) -> None:
    commits: list[int] = []
    async with opened(path, lambda _seconds, rows: commits.append(rows)) as history:
        await asyncio.gather(*(history.record(row(f"r{number}")) for number in range(200)))
        assert len(on_disk(path)) == 200
    assert sum(commits) == 201  # the first one ends what was left running
    assert len(commits) < 100


async def test_a_cancelled_wait_still_writes(path: Path) -> None:
    async with opened(path) as history:
        task = asyncio.create_task(history.record(row("a")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await history.record(row("b"))
    assert on_disk(path) == {"a": "ok", "b": "ok"}


async def test_rows_begun_but_not_waited_for_are_written_at_the_close(path: Path) -> None:
    async with opened(path) as history:
        history.begin(row("a", status="running"))
    assert on_disk(path) == {"a": "running"}


async def test_the_next_start_ends_what_was_left_running(path: Path) -> None:
    async with opened(path) as history:
        history.begin(row("a", status="running"))
    async with opened(path) as history:
        assert (await history.get("a")).status == "interrupted"


async def test_asking_and_forgetting(path: Path) -> None:
    async with opened(path) as history:
        for number in range(5):
            await history.record(row(f"r{number}", created_s=float(number)))
        found = await history.page(Filter(), limit=2)
        assert [each.id for each in found.rows] == ["r4", "r3"]
        found = await history.page(Filter(), limit=2, after=found.next)
        assert [each.id for each in found.rows] == ["r2", "r1"]
        await history.delete("r4")
        with pytest.raises(NotFound, match="no request 'r4'"):
            await history.delete("r4")
        with pytest.raises(NotFound):
            await history.get("r4")
        assert await history.delete_before(2.0) == 2
        assert (await history.stats(SystemClock().wall_s())).total.requests == 2


async def test_deleted_text_is_gone_from_every_file(path: Path) -> None:
    async with opened(path) as history:
        await history.record(row("a", answer_text="the quick brown secret"))
        await history.delete("a")
        left = [each.name for each in path.parent.iterdir() if b"brown" in each.read_bytes()]
    assert left == []


async def test_a_locked_database_holds_nobody_up_and_loses_nothing(path: Path) -> None:
    async with opened(path) as history:
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            for number in range(10):
                await history.record(row(f"r{number}"))
            assert history.degraded == "database is locked"
            assert history.held_rows >= 10
            with pytest.raises(CapacityError, match="cannot be changed now"):
                await history.delete("r1")
        await until(lambda: history.degraded is None)
        assert len(on_disk(path)) == 10
        assert (history.held_rows, history.lost_rows) == (0, 0)


async def test_a_full_disk_holds_rows_until_there_is_space(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "max_page_count = 12"))
        async with opened(path) as history:
            for number in range(40):
                await history.record(row(f"r{number:02}", answer_text="x" * 2000))
            assert history.degraded == "database or disk is full"
            kept = history.held_rows
            full.undo()
            await until(lambda: history.degraded is None)
    assert kept > 10
    assert len(on_disk(path)) == 40


async def test_what_no_longer_fits_in_memory_is_counted_oldest_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "HELD_BYTES", 2_000_000)
    async with opened(path) as history:
        with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            for number in range(20):
                await history.record(row(f"r{number:02}", answer_text="x" * 400_000))
            assert history.held_rows < 20
            lost = history.lost_rows
            assert lost + history.held_rows == 20
        await until(lambda: history.degraded is None)
        assert sorted(on_disk(path)) == [f"r{number:02}" for number in range(lost, 20)]


async def test_a_disk_that_is_not_there_at_the_start_does_not_stop_it(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    async with opened(folder / "history.db") as history:
        await history.record(row("a"))
        assert history.degraded is not None
        with pytest.raises(CapacityError, match="cannot be read now"):
            await history.page(Filter())
        folder.mkdir()
        await until(lambda: history.degraded is None)
        assert (await history.page(Filter())).rows == (row("a"),)


async def test_a_row_that_cannot_be_written_does_not_stop_the_others(path: Path) -> None:
    async with opened(path) as history:
        bad = row("bad", prompt_tokens=2**70)
        await asyncio.gather(
            history.record(row("a")), history.record(bad), history.record(row("b"))
        )
        assert (history.lost_rows, history.degraded) == (1, None)
    assert on_disk(path) == {"a": "ok", "b": "ok"}


async def test_damage_found_while_running_begins_a_new_file(path: Path) -> None:
    async with opened(path) as history:
        await history.record(row("a"))

        def damage(_connection: sqlite3.Connection) -> None:
            if not path.with_name("history.db.damaged-1").exists():
                error = sqlite3.DatabaseError("database disk image is malformed")
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                path.write_bytes(b"\0" * 8192)
                raise error

        history._writer.put(Kept(damage, 0))
        await history.record(row("b"))
        await until(lambda: history.degraded is None)
    assert on_disk(path) == {"b": "ok"}


async def test_a_database_of_a_later_release_stops_the_start(path: Path) -> None:
    with closing(open_writer(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    history = History(path, clock=SystemClock())
    with pytest.raises(DatabaseTooNew, match="version 99"):
        await history.open()
    await history._readers.close()


async def test_many_commits_leave_a_short_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CHECKPOINT_ROWS", 5)
    async with opened(path) as history:
        for number in range(60):
            await history.record(row(f"r{number:02}", answer_text="x" * 4000))
        assert path.with_name("history.db-wal").stat().st_size < 400_000
        with closing(database.open_reader(path)) as reader:
            assert requests.get(reader, "r59") is not None


async def test_a_close_leaves_one_whole_file(path: Path) -> None:
    async with opened(path) as history:
        await history.record(row("a"))
        await history.get("a")
    assert [each.name for each in path.parent.iterdir()] == ["history.db"]


async def test_after_the_close_nobody_waits_for_it(path: Path) -> None:
    async with opened(path) as history:
        await history.record(row("a"))
    await history.record(row("late"))
    assert (history.lost_rows, history.degraded) == (1, "the history is closed")
    with pytest.raises(CapacityError, match="cannot be changed now: the history is closed"):
        await history.delete("a")


async def test_a_close_while_the_disk_is_away_does_not_wait_for_it(path: Path) -> None:
    async with opened(path) as history:
        await history.record(row("a"))
        stranger = sqlite3.connect(path, isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")
        await history.record(row("b"))
    stranger.close()
    assert on_disk(path) == {"a": "ok"}
    assert history.held_rows == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_fault_of_ours_in_the_writer_leaves_nobody_waiting(path: Path) -> None:
    async with opened(path) as history:

        def fault(_connection: sqlite3.Connection) -> None:
            raise TypeError("a fault of ours")

        history._writer.put(Kept(fault, 1))
        await history.record(row("a"))
        await history.record(row("b"))
        with pytest.raises(CapacityError):
            await history.delete("a")
        assert history.degraded is not None
