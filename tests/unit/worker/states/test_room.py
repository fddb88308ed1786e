"""The room of all models' files: the ones not used for longest go, and counting is rare."""

import os
from pathlib import Path

import pytest

from velocity_local.worker.states.room import Room

FILE_BYTES = 100


def placed(root: Path, name: str, *, used_s: float, n_bytes: int = FILE_BYTES) -> Path:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(n_bytes))
    os.utime(path, (used_s, used_s))
    return path


def test_the_oldest_go_when_one_more_is_too_many(tmp_path: Path) -> None:
    old, new = (placed(tmp_path, f"a/{used_s}.kv", used_s=used_s) for used_s in (1, 2))
    room = Room(tmp_path, 3 * FILE_BYTES)
    assert list(room.count()) == []
    assert list(room.add(placed(tmp_path, "b/3.kv", used_s=3))) == []
    assert list(room.add(placed(tmp_path, "b/4.kv", used_s=4))) == [old]
    assert [old.exists(), new.exists()] == [False, True]


def test_what_was_used_since_it_was_counted_is_spared(tmp_path: Path) -> None:
    used, idle, *_ = (placed(tmp_path, f"a/{number}.kv", used_s=number) for number in range(31))
    room = Room(tmp_path, 32 * FILE_BYTES)
    assert list(room.count()) == []
    os.utime(used, (50, 50))
    assert list(room.add(placed(tmp_path, "a/60.kv", used_s=60))) == []
    assert list(room.add(placed(tmp_path, "a/61.kv", used_s=61))) == [idle]
    assert used.exists()


def test_files_are_looked_at_once_and_not_at_every_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        placed(tmp_path, f"a/{number}.kv", used_s=number)
    room = Room(tmp_path, 1_000 * FILE_BYTES)
    assert list(room.count()) == []
    n_counts = 0
    glob = Path.glob

    def counting(self: Path, pattern: str) -> object:
        nonlocal n_counts
        n_counts += 1
        return glob(self, pattern)

    monkeypatch.setattr(Path, "glob", counting)
    for number in range(100, 300):
        assert list(room.add(placed(tmp_path, f"a/{number}.kv", used_s=number))) == []
    assert n_counts == 200 * 16 // 1_000


def test_what_others_write_is_counted_before_it_is_a_sixteenth_too_much(tmp_path: Path) -> None:
    room = Room(tmp_path, 160 * FILE_BYTES)
    assert list(room.count()) == []
    for number in range(155):
        placed(tmp_path, f"other/{number}.kv", used_s=number)
    removed: list[Path] = []
    for number in range(20):
        removed += room.add(placed(tmp_path, f"ours/{number}.kv", used_s=1000 + number))
    assert [path.parent.name for path in removed] == ["other"] * 15
    assert sum(path.stat().st_size for path in tmp_path.glob("*/*.kv")) == 160 * FILE_BYTES


def test_a_file_that_somebody_removed_costs_no_other_its_place(tmp_path: Path) -> None:
    gone, kept = (placed(tmp_path, f"a/{used_s}.kv", used_s=used_s) for used_s in (1, 2))
    room = Room(tmp_path, 2 * FILE_BYTES)
    assert list(room.count()) == []
    gone.unlink()
    list(room.add(placed(tmp_path, "a/3.kv", used_s=3)))
    assert kept.exists()
