"""The one who looks: goes on after a look that failed, and ends when told."""

import asyncio
from pathlib import Path

import pytest

from velocity_local.core.clock import ManualClock
from velocity_local.daemon.telemetry import monitor as module
from velocity_local.daemon.telemetry.monitor import Monitor, Worker
from velocity_local.daemon.telemetry.sampler import Sampler


def monitor(tmp_path: Path, workers: list[Worker], clock: ManualClock) -> Monitor:
    sampler = Sampler(tmp_path, drivers=[])
    return Monitor(
        sampler, tmp_path, workers=lambda: workers, clock=clock, powercap=tmp_path / "powercap"
    )


async def test_it_goes_on_after_a_look_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_PERIOD_S", 0.001)
    looks = 0
    seen = asyncio.Event()
    watched = monitor(tmp_path, [], ManualClock())

    async def failing() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            seen.set()
        raise RuntimeError("a sensor broke")

    monkeypatch.setattr(watched, "snapshot", failing)
    watched.start()
    async with asyncio.timeout(20):
        await seen.wait()
    await watched.close()


async def test_package_power_is_attributed_while_requests_run(tmp_path: Path) -> None:
    zone = tmp_path / "powercap" / "intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0")
    (zone / "max_energy_range_uj").write_text("262143328850")
    clock, workers = ManualClock(), list[Worker]()
    watched = monitor(tmp_path, workers, clock)
    joules = 100.0
    for spent, running in ((0, 0), (10, 0), (10, 0), (40, 1), (40, 2)):
        joules += spent
        (zone / "energy_uj").write_text(str(int(joules * 1e6)))
        workers[:] = [Worker("m", None, running)]
        told = await watched.snapshot()
        clock.advance(1.0)
    assert told.power.by_source == {"package-0": pytest.approx(40.0)}
    assert told.power.idle_w == pytest.approx(10.0)
    assert told.power.joules_by_model == {"m": pytest.approx(60.0)}
    assert "power.watts" not in told.reasons
