"""Looks at the machine once for everybody who asks, and measures what requests cost.

One look a second while requests run or somebody watches, one in five otherwise.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from velocity_local.core.clock import Clock
from velocity_local.daemon.telemetry import apple, rapl
from velocity_local.daemon.telemetry.disk import Disk
from velocity_local.daemon.telemetry.energy import METHOD, EnergyMeter
from velocity_local.daemon.telemetry.processes import Processes
from velocity_local.daemon.telemetry.rapl import Counters
from velocity_local.daemon.telemetry.reasons import reasons
from velocity_local.daemon.telemetry.sampler import Sampler
from velocity_local.wire.http.admin import SystemAnswer
from velocity_local.wire.http.telemetry import PowerItem, TelemetryAnswer

BUSY_PERIOD_S = 1.0
IDLE_PERIOD_S = 5.0
FRESH_S = 0.5


_log = logging.getLogger(__name__)


class Worker(NamedTuple):
    """A model's process, and how many requests it runs."""

    model: str
    pid: int | None
    running: int


class Monitor:
    """`snapshot` may be asked for by many; they share a look that is not older than `FRESH_S`."""

    def __init__(
        self,
        sampler: Sampler,
        data_dir: Path,
        *,
        workers: Callable[[], Sequence[Worker]],
        clock: Clock,
        powercap: Path = rapl.POWERCAP,
    ) -> None:
        self._sampler = sampler
        self._workers = workers
        self._clock = clock
        self._powercap = powercap
        self._disk = Disk(data_dir)
        self._processes = Processes()
        self._counters: tuple[float, Counters] | None = None
        self._turn = asyncio.Lock()
        self.watchers = 0
        self._task: asyncio.Task[None] | None = None
        self._looked_s: float | None = None
        self.energy = EnergyMeter()
        self.last: TelemetryAnswer | None = None

    def start(self) -> None:
        """Look from time to time, until `close`."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def snapshot(self) -> TelemetryAnswer:
        """The machine now."""
        async with self._turn:
            now_s = self._clock.monotonic_s()
            is_fresh = self._looked_s is not None and now_s - self._looked_s < FRESH_S
            if self.last is not None and is_fresh:
                return self.last
            self._looked_s = now_s
            system = await self._sampler.sample()
            workers = list(self._workers())
            self.last = await asyncio.to_thread(self._answer, now_s, system, workers)
            return self.last

    async def watch(self, period_s: float) -> AsyncGenerator[TelemetryAnswer, None]:
        """A snapshot now, and one every `period_s`; ends with whoever iterates."""
        self.watchers += 1
        try:
            while True:
                yield await self.snapshot()
                await asyncio.sleep(period_s)
        finally:
            self.watchers -= 1

    async def _run(self) -> None:
        while True:
            is_busy = self.watchers or any(worker.running for worker in self._workers())
            await asyncio.sleep(BUSY_PERIOD_S if is_busy else IDLE_PERIOD_S)
            try:
                await self.snapshot()
            except Exception:  # noqa: BLE001 - supervisor: a failed look is not the last one
                _log.exception("looking at the machine failed")

    def _answer(
        self, now_s: float, system: SystemAnswer, workers: Sequence[Worker]
    ) -> TelemetryAnswer:
        known = {"gpus": system.gpu_reason} if system.gpu_reason else {}
        pids = {worker.pid: worker.model for worker in workers if worker.pid is not None}
        told = TelemetryAnswer(
            at_s=self._clock.wall_s(),
            cpu=system.cpu,
            memory=system.memory,
            memory_pressure=apple.pressure() if sys.platform == "darwin" else None,
            disk=self._disk.look(now_s),
            processes=self._processes.look({os.getpid(): "", **pids}),
            gpus=system.gpus,
            power=self._power(now_s, system, workers, known),
            reasons={},
        )
        return replace(told, reasons=reasons(told, known))

    def _power(
        self, now_s: float, system: SystemAnswer, workers: Sequence[Worker], known: dict[str, str]
    ) -> PowerItem:
        by_source = self._cpu_watts(now_s, known)
        for gpu in system.gpus:
            if gpu.power_w is not None:
                by_source[f"gpu {gpu.index}"] = gpu.power_w
        if by_source:
            running = {worker.model: worker.running for worker in workers if worker.running}
            self.energy.observe(now_s, by_source, running)
        return PowerItem(
            method=METHOD,
            watts=sum(by_source.values()) if by_source else None,
            by_source=by_source,
            idle_w=self.energy.idle_w,
            joules=self.energy.joules,
            joules_by_model=dict(self.energy.joules_by_model),
        )

    def _cpu_watts(self, now_s: float, known: dict[str, str]) -> dict[str, float]:
        counters = rapl.read(self._powercap)
        if counters.reason:
            known["power.cpu"] = counters.reason
        before, self._counters = self._counters, (now_s, counters)
        if before is None:
            return {}
        return rapl.watts(before[1], counters, now_s - before[0])
