"""The disk tier over a real folder: what is kept is found again, and nothing else is."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from velocity_local.core.clock import ManualClock
from velocity_local.core.kv import KvTiers
from velocity_local.worker.engine.statecache import Kept
from velocity_local.worker.states import files
from velocity_local.worker.states.budget import WriteBudget
from velocity_local.worker.states.disk import StateDisk

TRUNK = [1] * 40
BRANCH = [1] * 40 + [2] * 30
OTHER = [3] * 50
Open = Callable[..., StateDisk]


@pytest.fixture
def open_disk(tmp_path: Path) -> Iterator[Open]:
    opened: list[StateDisk] = []

    def open_(
        *, model: str = "a", limit_bytes: int = 10**9, per_hour: int = 10**9,
        has_parts: bool = True, engine: str = "engine",
        deliver: Callable[[list[Kept]], None] | None = None,
    ) -> StateDisk:  # fmt: skip
        tiers = KvTiers(10**9, limit_bytes, per_hour, str(tmp_path), model, b"k" * 32)
        disk = StateDisk(tiers, engine, has_parts=has_parts, clock=ManualClock())
        disk.start(deliver)
        opened.append(disk)
        return disk

    yield open_
    for disk in opened:
        disk.close((), limit_s=10)


def kept(tokens: list[int], start: int = 0, size: int = 1000) -> Kept:
    return Kept(tokens, start, memoryview(bytearray([tokens[-1]] * size)), "")


def told(fetched: list[Kept]) -> list[tuple[int, int]]:
    return [(one.start, len(one.tokens)) for one in fetched]


def test_another_process_finds_what_one_has_written(open_disk: Open) -> None:
    open_disk().close([kept(TRUNK), kept(BRANCH, 40)], limit_s=10)
    again = open_disk()
    fetched = again.fetch([*BRANCH, 9], "")
    assert told(fetched) == [(0, 40), (40, 70)]
    assert [bytes(one.state) for one in fetched] == [b"\1" * 1000, b"\2" * 1000]
    assert again.fetch(OTHER, "") == []
    assert again.fetch(BRANCH, "adapter") == []


def test_what_was_fetched_is_not_fetched_again_until_it_leaves_memory(open_disk: Open) -> None:
    open_disk().close([kept(TRUNK)], limit_s=10)
    disk = open_disk()
    assert told(disk.fetch(TRUNK, "")) == [(0, 40)]
    assert disk.fetch(TRUNK, "") == []
    disk.offer(kept(TRUNK))
    disk.close((), limit_s=10)
    assert told(disk.fetch(TRUNK, "")) == [(0, 40)]


def test_the_newest_are_read_before_anybody_asks(
    open_disk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_disk().close([kept(OTHER), kept(TRUNK), kept(BRANCH, 40)], limit_s=10)
    monkeypatch.setattr("velocity_local.worker.states.disk.MAX_AHEAD_BYTES", 3500)
    delivered: list[Kept] = []
    disk = open_disk(deliver=delivered.extend)
    disk.close((), limit_s=10)
    assert told(delivered) == [(0, 40), (40, 70)]
    assert disk.fetch(BRANCH, "") == []
    assert told(disk.fetch(OTHER, "")) == [(0, 50)]


def test_what_is_there_is_not_written_again(open_disk: Open, tmp_path: Path) -> None:
    for _ in range(3):
        open_disk().close([kept(TRUNK), kept(BRANCH, 40)], limit_s=10)
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.mark.parametrize("harm", ["head", "cells", "cut", "foreign"])
def test_a_file_that_cannot_be_used_is_removed_with_what_builds_on_it(
    harm: str, open_disk: Open, tmp_path: Path
) -> None:
    open_disk().close([kept(TRUNK), kept(BRANCH, 40)], limit_s=10)
    path = next(p for p in (tmp_path / "a").iterdir() if _start(p) == 0)
    data = bytearray(path.read_bytes())
    data[20 if harm == "head" else -5] ^= 1
    path.write_bytes(b"not ours" if harm == "foreign" else data[:-9] if harm == "cut" else data)
    assert open_disk().fetch(BRANCH, "") == []
    assert open_disk().fetch(BRANCH, "") == []
    assert list((tmp_path / "a").iterdir()) == []


def _start(path: Path) -> int:
    return files.read_head(path, "engine", b"k" * 32).head.start


def test_files_of_another_build_go(open_disk: Open, tmp_path: Path) -> None:
    open_disk().close([kept(TRUNK)], limit_s=10)
    assert open_disk(engine="a newer one").fetch(TRUNK, "") == []
    assert list((tmp_path / "a").iterdir()) == []


def test_half_written_files_go(open_disk: Open, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0123.part").write_bytes(b"VLKV")
    open_disk().fetch(TRUNK, "")
    assert list((tmp_path / "a").iterdir()) == []


def test_the_limit_is_that_of_all_models_together_and_the_oldest_go(
    open_disk: Open, tmp_path: Path
) -> None:
    open_disk(model="a").close([kept(TRUNK), kept(OTHER)], limit_s=10)
    old, new = sorted((tmp_path / "a").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    os.utime(old, (1, 1))
    open_disk(model="b", limit_bytes=3500).close([kept(BRANCH)], limit_s=10)
    assert list((tmp_path / "a").iterdir()) == [new]
    assert len(list((tmp_path / "b").iterdir())) == 1


def test_one_that_is_larger_than_the_limit_is_not_written(open_disk: Open, tmp_path: Path) -> None:
    open_disk(limit_bytes=500).close([kept(TRUNK)], limit_s=10)
    assert list((tmp_path / "a").iterdir()) == []


def test_no_more_is_written_than_an_hour_may_have(open_disk: Open, tmp_path: Path) -> None:
    open_disk(per_hour=2500).close([kept(TRUNK), kept(OTHER), kept(BRANCH)], limit_s=10)
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_what_nobody_came_back_to_may_spend_a_sixteenth_of_that(
    open_disk: Open, tmp_path: Path
) -> None:
    disk = open_disk(per_hour=16 * 2500)
    for number in range(9):
        disk.offer(kept([number] * 50)._replace(is_wanted=False))
    for number in range(10, 14):
        disk.offer(kept([number] * 50))
    disk.close((), limit_s=10)
    assert len(list((tmp_path / "a").iterdir())) == 2 + 4


def test_a_budget_fills_up_again() -> None:
    clock = ManualClock()
    budget = WriteBudget(3600, clock)
    assert budget.take(3600)
    assert not budget.take(1)
    clock.advance(10)
    assert budget.take(10)
    assert not budget.take(1)
    clock.advance(10_000)
    assert not budget.take(3601)
    assert budget.take(3600)


def test_whole_states_are_fetched_only_where_they_can_be_used(open_disk: Open) -> None:
    open_disk(has_parts=False).close([kept(TRUNK)], limit_s=10)
    disk = open_disk(has_parts=False)
    assert disk.fetch(TRUNK[:39], "") == []
    assert told(disk.fetch(BRANCH, "")) == [(0, 40)]


def test_a_folder_that_cannot_be_made_costs_nothing_else(tmp_path: Path, open_disk: Open) -> None:
    (tmp_path / "a").write_text("in the way")
    disk = open_disk()
    assert disk.fetch(TRUNK, "") == []
    disk.close([kept(TRUNK)], limit_s=10)


def test_what_is_not_ours_and_will_not_go_hides_nothing(tmp_path: Path, open_disk: Open) -> None:
    open_disk().close([kept(TRUNK), kept(OTHER)], limit_s=10)
    (tmp_path / "a" / "0000.kv").mkdir()
    (tmp_path / "a" / "0000.part").mkdir()
    (tmp_path / "a" / "0001.kv").symlink_to(tmp_path)
    disk = open_disk()
    assert told(disk.fetch(TRUNK, "")) == [(0, 40)]
    assert told(disk.fetch(OTHER, "")) == [(0, 50)]
    assert sorted(path.name for path in (tmp_path / "a").glob("000*")) == ["0000.kv", "0000.part"]


def test_a_damaged_file_that_will_not_go_costs_nobody_a_prompt(
    tmp_path: Path, open_disk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_disk().close([kept(TRUNK), kept(OTHER)], limit_s=10)
    disk = open_disk()
    for path in (tmp_path / "a").iterdir():
        path.write_bytes(path.read_bytes()[:-7] + b"altered")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert disk.fetch(TRUNK, "") == []
    disk.clear()
    assert disk.entries() == []
    monkeypatch.undo()
    disk.close([kept(BRANCH)], limit_s=10)
    assert len(disk.entries()) == 1
