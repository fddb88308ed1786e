"""Carries out the supervisor's decisions on the event loop: processes, pipes and timers."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import psutil

from velocity_local.config.logfile import worker_log
from velocity_local.core.kv import KvTiers
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.fleet.effects import Timer
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.process import Listener, Stop, WorkerProcess
from velocity_local.daemon.fleet.worker_log import WorkerLog
from velocity_local.wire.ipc.messages import AnyReport, Command


class Hands:
    """Implements `effects.Effects`. Listens to its processes and passes on what they do."""

    def __init__(
        self,
        *,
        log_folder: Path,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        is_current: Callable[[ModelEntry], bool],
        tiers: Callable[[ModelEntry], KvTiers],
    ) -> None:
        self.is_current = is_current
        self.tiers = tiers
        self._log_folder = log_folder
        self._command = command
        self._environment = environment
        self._processes: dict[int, WorkerProcess] = {}
        self._spawning: set[asyncio.Task[None]] = set()
        self._timers: dict[Timer, asyncio.TimerHandle] = {}
        self._logs: dict[str, WorkerLog] = {}
        self._all_gone = asyncio.Event()
        self._supervisor: SupervisorPort | None = None

    def serve(self, supervisor: "SupervisorPort") -> None:
        """Whom to tell what happens; before anything else."""
        self._supervisor = supervisor

    def spawn(self, worker_id: int, model: str) -> None:
        process = WorkerProcess(worker_id, listener=self, log=self.log(model))
        self._processes[worker_id] = process
        self._all_gone.clear()
        task = asyncio.create_task(process.spawn(self._command, self._environment))
        self._spawning.add(task)
        task.add_done_callback(self._spawning.discard)

    def send(self, worker_id: int, command: Command) -> None:
        self._processes[worker_id].send(command)

    def stop(self, worker_id: int, how: Stop) -> None:
        self._processes[worker_id].stop(how)

    def arm(self, timer: Timer, delay_s: float) -> None:
        self.disarm(timer)
        loop = asyncio.get_running_loop()
        self._timers[timer] = loop.call_later(max(delay_s, 0.0), self._fire, timer)

    def disarm(self, timer: Timer) -> None:
        handle = self._timers.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def available_bytes(self) -> int:
        return available_bytes()

    def log(self, model: str) -> WorkerLog:
        """The log of a model's workers."""
        if model not in self._logs:
            self._logs[model] = WorkerLog(worker_log(self._log_folder, model))
        return self._logs[model]

    async def all_gone(self) -> None:
        """Return once there is no process."""
        if self._processes:
            await self._all_gone.wait()

    def disarm_all(self) -> None:
        for timer in list(self._timers):
            self.disarm(timer)

    def kill_all(self) -> None:
        """The last resort of a daemon that ends."""
        for process in self._processes.values():
            process.stop(Stop.KILL)

    def on_spawned(self, worker_id: int, pid: int) -> None:
        self._told.on_spawned(worker_id, pid)

    def on_report(self, worker_id: int, report: AnyReport) -> None:
        self._told.on_report(worker_id, report)

    def on_garbage(self, worker_id: int, reason: str) -> None:
        self._told.on_garbage(worker_id, reason)

    def on_exit(self, worker_id: int, end: Exit) -> None:
        del self._processes[worker_id]
        self._told.on_exit(worker_id, end)
        if not self._processes:
            self._all_gone.set()

    @property
    def _told(self) -> "SupervisorPort":
        assert self._supervisor is not None
        return self._supervisor

    def _fire(self, timer: Timer) -> None:
        del self._timers[timer]
        self._told.on_timer(timer)


class SupervisorPort(Listener, Protocol):
    """What the hands tell."""

    def on_timer(self, timer: Timer) -> None: ...


def available_bytes() -> int:
    """Memory that could be taken now without swapping."""
    return int(psutil.virtual_memory().available)


def resident_bytes(pid: int | None) -> int | None:
    """The memory a process holds now; None if it is gone or not ours to ask."""
    if pid is None:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
