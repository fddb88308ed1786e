"""A disk that is full while cells are written: what is there stays, and nothing half is left."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from velocity_local.core.clock import ManualClock
from velocity_local.core.kv import KvTiers
from velocity_local.worker.engine.statecache import Kept
from velocity_local.worker.states.disk import StateDisk

SMALL, LARGE = [1] * 40, [2] * 40


@contextmanager
def files_end_at(n_bytes: int) -> Iterator[None]:
    """Every write beyond that fails, as it does where a disk ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def opened(folder: Path) -> StateDisk:
    tiers = KvTiers(10**9, 10**9, 10**9, str(folder), "a", b"k" * 32)
    disk = StateDisk(tiers, "engine", has_parts=True, clock=ManualClock())
    disk.start()
    return disk


def kept(tokens: list[int], size: int) -> Kept:
    return Kept(tokens, 0, memoryview(bytearray(size)), "")


def test_a_full_disk_costs_only_what_does_not_fit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = opened(tmp_path)
    with files_end_at(20_000):
        disk.close([kept(LARGE, 10**6), kept(SMALL, 1000)], limit_s=10)
    assert "saved cells cannot be written" in caplog.text
    assert [path.suffix for path in (tmp_path / "a").iterdir()] == [".kv"]
    again = opened(tmp_path)
    assert [one.tokens for one in again.fetch([*SMALL, 9], "")] == [SMALL]
    assert again.fetch([*LARGE, 9], "") == []
    again.close([kept(LARGE, 10**6)], limit_s=10)
    assert len(again.entries()) == 2
