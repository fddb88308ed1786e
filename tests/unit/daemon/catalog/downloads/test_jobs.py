"""Downloads outlive their daemon: the next one goes on with them by itself."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.daemon.catalog.downloads.conftest import DATA, FILE, REPOSITORY, Yard
from velocity_local.config.paths import data_root
from velocity_local.config.settings import DownloadSettings
from velocity_local.core.downloads import Download
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads import jobs
from velocity_local.daemon.catalog.downloads.jobs import Downloads
from velocity_local.daemon.catalog.downloads.journal import Journal

PATIENCE_S = 20.0
HALF = len(DATA) // 2
WANTED = f"{REPOSITORY}:Q4_K_M"


@asynccontextmanager
async def living(yard: Yard) -> AsyncIterator[Downloads]:
    """The downloads of one daemon, begun as a daemon begins them."""

    async def refresh() -> None:
        pass

    downloads = Downloads(
        yard.models,
        hub=yard.client(),
        clock=yard.clock,
        refresh=refresh,
        settings=DownloadSettings(connections=1),
        curated=Curated(data_root() / "catalog.toml"),
        journal=Journal(_journal(yard)),
    )
    downloads.go_on()
    try:
        yield downloads
    finally:
        await downloads.close()


def _journal(yard: Yard) -> Path:
    return yard.models.parent / "downloads.json"


async def until(downloads: Downloads, identifier: str, is_met: Callable[[Download], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_met(downloads.get(identifier)):  # noqa: ASYNC110 - threads move it
            await asyncio.sleep(0.005)


async def half_fetched(yard: Yard) -> str:
    """A daemon that ended on the way; the download's id."""
    yard.hub.faults.hold_after = HALF
    async with living(yard) as downloads:
        identifier = (await downloads.start(WANTED)).id
        await until(downloads, identifier, lambda now: now.done_bytes == HALF)
        yard.hub.released.set()
    yard.hub.faults.hold_after = None
    return identifier


async def test_a_download_goes_on_when_the_daemon_starts_again(yard: Yard) -> None:
    identifier = await half_fetched(yard)
    asked = len(yard.hub.requests)
    async with living(yard) as downloads:
        assert downloads.get(identifier).done_bytes >= HALF
        await until(downloads, identifier, lambda now: now.state == "done")
    assert yard.target.read_bytes() == DATA
    assert yard.hub.storage[-1].first_byte >= HALF
    assert not [one for one in yard.hub.requests[asked:] if one.path.startswith("/api")]


async def test_what_was_paused_stays_paused(yard: Yard) -> None:
    yard.hub.faults.hold_after = HALF
    async with living(yard) as downloads:
        identifier = (await downloads.start(WANTED)).id
        await until(downloads, identifier, lambda now: now.done_bytes == HALF)
        pausing = asyncio.create_task(downloads.pause(identifier))
        await asyncio.sleep(0)
        yard.hub.released.set()
        await pausing
        await until(downloads, identifier, lambda now: now.state == "paused")
    sent = len(yard.hub.storage)
    async with living(yard) as downloads:
        seen = downloads.get(identifier)
        assert (seen.state, seen.done_bytes >= HALF) == ("paused", True)
        assert len(yard.hub.storage) == sent
        yard.hub.faults.hold_after = None
        await downloads.resume(identifier)
        await until(downloads, identifier, lambda now: now.state == "done")


async def test_pulling_again_joins_what_goes_on(yard: Yard) -> None:
    identifier = await half_fetched(yard)
    yard.hub.released.clear()
    yard.hub.faults.hold_after = 0
    async with living(yard) as downloads:
        assert (await downloads.start(WANTED)).id == identifier
        yard.hub.released.set()
        await until(downloads, identifier, lambda now: now.has_ended)


@pytest.mark.parametrize("how", ["done", "cancelled"])
async def test_what_has_ended_is_forgotten(yard: Yard, how: str) -> None:
    async with living(yard) as downloads:
        identifier = (await downloads.start(WANTED)).id
        if how == "cancelled":
            await downloads.cancel(identifier)
        await until(downloads, identifier, lambda now: now.has_ended)
    async with living(yard) as downloads:
        assert downloads.all() == []


async def test_a_disk_that_was_full_is_looked_at_until_there_is_room(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROOM_LOOK_S", 0.01)
    write = os.write

    def no_room(descriptor: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    async with living(yard) as downloads:
        with monkeypatch.context() as full:
            full.setattr(os, "write", no_room)
            identifier = (await downloads.start(WANTED)).id
            await until(downloads, identifier, lambda now: now.error is not None)
            assert "make room" in (downloads.get(identifier).error or "")
        await until(downloads, identifier, lambda now: now.state == "done")
    assert (yard.models / REPOSITORY / FILE).read_bytes() == DATA
