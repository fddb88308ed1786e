"""The lens's memory on a real file: runs come back whole, baselines hold them, faults are named."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from benchmarks.latencies import Server, run
from velocity_local.core.clock import ManualClock
from velocity_local.lens.changes import estimate
from velocity_local.lens.quantities import parse
from velocity_local.lens.store.database import StoreUnusable
from velocity_local.lens.store.runs import RunFilter
from velocity_local.lens.store.shelf import FILE_NAME, InUse, NotKept, Shelf

RUNS = [run(seed, n_requests=30) for seed in range(4)]
MEDIAN = parse("ttft_ms:p50")


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf(tmp_path, clock=ManualClock(wall_s=5.0)) as opened:
        opened.save(RUNS)
        yield opened


def test_a_run_comes_back_whole(shelf: Shelf) -> None:
    assert shelf.run("run-2") == RUNS[2]


def test_runs_are_listed_newest_first(shelf: Shelf) -> None:
    assert [listed.id for listed in shelf.newest()] == ["run-3", "run-2", "run-1", "run-0"]
    assert [listed.id for listed in shelf.newest(limit=1)] == ["run-3"]
    newest = shelf.newest()[0]
    assert newest.condition == "chat, synthetic, cache cold, concurrency, 4 at once"
    assert newest.figures[MEDIAN.name] == estimate([RUNS[3]], MEDIAN)


@pytest.mark.parametrize(
    ("which", "n"),
    [
        (RunFilter(model="demo"), 4),
        (RunFilter(model="other"), 0),
        (RunFilter(provider="velocity-local", scenario="chat"), 4),
        (RunFilter(name="' OR 1=1 --"), 0),
        (RunFilter(since_s=RUNS[2].started_at_s), 2),
    ],
)
def test_a_filter_narrows(shelf: Shelf, which: RunFilter, n: int) -> None:
    assert len(shelf.newest(which)) == n
    assert len(shelf.trend(MEDIAN, which)) == n


def test_a_trend_is_the_runs_figures_oldest_first(shelf: Shelf) -> None:
    points = shelf.trend(MEDIAN)
    assert [point.run_id for point in points] == [made.id for made in RUNS]
    assert [point.estimate for point in points] == [estimate([made], MEDIAN) for made in RUNS]
    assert points[0].facts["machine.cpu"] == "simulated"
    assert [point.run_id for point in shelf.trend(MEDIAN, limit=2)] == ["run-2", "run-3"]


def test_void_runs_are_kept_and_not_in_trends(shelf: Shelf) -> None:
    shelf.save([msgspec.structs.replace(RUNS[1], void_reason="the client was slow")])
    assert [point.run_id for point in shelf.trend(MEDIAN)] == ["run-0", "run-2", "run-3"]
    assert shelf.newest()[2].void_reason == "the client was slow"


def test_saving_again_replaces(shelf: Shelf) -> None:
    slower = run(2, Server(slowdown=2), n_requests=30)
    shelf.save([slower])
    assert shelf.run("run-2") == slower
    assert len(shelf.newest()) == 4


def test_a_baseline_holds_its_runs(shelf: Shelf) -> None:
    shelf.set_baseline("main", ["run-1", "run-0", "run-1"])
    assert shelf.baseline("main") == RUNS[:2]
    (known,) = shelf.baselines()
    assert (known.name, known.made_at_s, known.run_ids) == ("main", 5.0, ("run-0", "run-1"))
    with pytest.raises(InUse, match="part of a baseline"):
        shelf.delete("run-0")
    shelf.set_baseline("main", ["run-3"])
    shelf.delete("run-0")
    assert shelf.baseline("main") == RUNS[3:]
    shelf.save([RUNS[3]])
    assert shelf.baseline("main") == RUNS[3:]
    shelf.drop_baseline("main")
    assert shelf.baselines() == []
    assert shelf.run("run-3") == RUNS[3]


def test_a_baseline_of_runs_that_are_not_kept_leaves_the_old_one(shelf: Shelf) -> None:
    shelf.set_baseline("main", ["run-1"])
    with pytest.raises(NotKept, match="run-9"):
        shelf.set_baseline("main", ["run-9"])
    assert shelf.baseline("main") == [RUNS[1]]


def test_what_is_not_kept_is_named(shelf: Shelf) -> None:
    with pytest.raises(NotKept, match="run-9"):
        shelf.run("run-9")
    with pytest.raises(NotKept, match="run-9"):
        shelf.delete("run-9")
    with pytest.raises(NotKept, match="no baseline 'x'; there is: none"):
        shelf.baseline("x")
    with pytest.raises(NotKept, match="no baseline 'x'"):
        shelf.drop_baseline("x")


def test_it_is_there_when_opened_again(tmp_path: Path, shelf: Shelf) -> None:
    with Shelf(tmp_path) as again:
        assert again.run("run-1") == RUNS[1]


def test_a_failed_save_keeps_nothing(tmp_path: Path, shelf: Shelf) -> None:
    broken = msgspec.structs.replace(RUNS[0], id="new", started_at_s=None)
    with pytest.raises(NotKept, match="new"):
        _save_and_look(shelf, broken)
    assert len(shelf.newest()) == 4


def _save_and_look(shelf: Shelf, broken: object) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        shelf.save([msgspec.structs.replace(RUNS[0], id="other"), broken])  # type: ignore[list-item] # broken on purpose
    shelf.run("new")


def test_many_programs_may_write(tmp_path: Path, shelf: Shelf) -> None:
    def write(number: int) -> None:
        with Shelf(tmp_path) as own:
            own.save([msgspec.structs.replace(RUNS[0], id=f"w{number}", records=(), n_requests=0)])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shelf.newest()) == 12


def test_a_file_that_is_no_database_is_named_and_left(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnusable, match=r"lens\.db cannot be used"), Shelf(tmp_path):
        pass
    assert path.read_bytes().startswith(b"not a database")


def test_a_database_of_a_later_release_is_left_alone(tmp_path: Path) -> None:
    with Shelf(tmp_path):
        pass
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnusable, match="schema version 99"), Shelf(tmp_path):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot open"), Shelf(tmp_path / "none"):
        pass


def test_others_cannot_read_it(tmp_path: Path, shelf: Shelf) -> None:
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_full_disk_is_named_and_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    with Shelf(tmp_path) as shelf:
        shelf.save(RUNS[:1])
        connection = shelf._connection
        assert connection is not None
        (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {n_pages}")
        with pytest.raises(StoreUnusable, match="full"):
            shelf.save([run(9, n_requests=500)])
        assert [listed.id for listed in shelf.newest()] == ["run-0"]
    with Shelf(tmp_path) as again:
        assert again.run("run-0") == RUNS[0]
