"""Minds one worker process from its start to its end: loading time, heartbeat, and stronger and
stronger ways to end it. Knows nothing of requests.
"""

import msgspec

from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import Clock
from velocity_local.core.models import LoadedModel
from velocity_local.daemon.fleet.effects import Effects, Timer, TimerKind
from velocity_local.daemon.fleet.process import Stop
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.worth import Keep
from velocity_local.wire.ipc.messages import Command, EngineLoad, Load, Loaded, Ping, Shutdown

SHUTDOWN_GRACE_S = 5.0
SIGNAL_GRACE_S = 2.0


class Minder:
    """`fault` is why we ended it as hung or garbled; `is_dismissed`: its end is no accident."""

    def __init__(
        self,
        worker_id: int,
        model: str,
        *,
        settings: FleetSettings,
        effects: Effects,
        clock: Clock,
    ) -> None:
        self.id = worker_id
        self.pid: int | None = None
        self.loaded: LoadedModel | None = None
        self.load = EngineLoad(0, 0, 0, 0.0)
        self.heard_s = clock.monotonic_s()
        self.is_dismissed = False
        self.fault: str | None = None
        self._model = model
        self._settings = settings
        self._effects = effects
        self._clock = clock
        self._spawned_s = clock.monotonic_s()
        self._spawned_wall_s = clock.wall_s()
        self._watched_s = 0.0
        self._pings = 0
        self._load_ms: float | None = None
        self._next_stop = Stop.TERMINATE

    @property
    def is_ending(self) -> bool:
        """What it says no longer counts."""
        return self.is_dismissed or self.fault is not None

    def start(self) -> None:
        self._effects.spawn(self.id, self._model)
        self._arm(TimerKind.LOADING, self._settings.load_timeout_s)

    def on_spawned(self, pid: int, load: Load) -> None:
        self.pid = pid
        self.send(load)

    def on_loaded(self, report: Loaded) -> None:
        self.loaded = report.model
        self._load_ms = (self._clock.monotonic_s() - self._spawned_s) * 1000
        self._effects.disarm(self._timer(TimerKind.LOADING))
        self._watched_s = self._clock.monotonic_s()
        self._arm(TimerKind.WATCH, self._settings.ping_interval_s)

    def on_load(self, load: EngineLoad) -> bool:
        """True if it keeps more or less in memory than before."""
        before, self.load = self.load, load
        return before.kv_bytes != load.kv_bytes

    def report(self) -> Loaded:
        """What it said when it had loaded."""
        assert self.loaded is not None
        return Loaded(self.loaded, self.pid or 0)

    def send(self, command: Command) -> None:
        self._effects.send(self.id, command)

    def dismiss(self) -> None:
        """Ask it to end, and insist after a while."""
        self.is_dismissed = True
        self.send(Shutdown())
        self._arm(TimerKind.STOPPING, SHUTDOWN_GRACE_S)

    def kill(self) -> None:
        """End it at once; that is meant."""
        self.is_dismissed = True
        self._effects.stop(self.id, Stop.KILL)

    def condemn(self, fault: str, *, how: Stop) -> None:
        """End it because it is at fault."""
        if self.is_ending:
            return
        self.fault = fault
        self._next_stop = Stop.KILL
        self._effects.stop(self.id, how)
        self._arm(TimerKind.STOPPING, SIGNAL_GRACE_S)

    def on_timer(self, kind: TimerKind) -> None:
        if kind is TimerKind.WATCH:
            self._watch()
        elif kind is TimerKind.STOPPING:
            self._effects.stop(self.id, self._next_stop)
            self._next_stop = Stop.KILL
            self._arm(TimerKind.STOPPING, SIGNAL_GRACE_S)

    def on_exit(self) -> None:
        for kind in (TimerKind.LOADING, TimerKind.WATCH, TimerKind.STOPPING):
            self._effects.disarm(self._timer(kind))

    def kept(self, size_bytes: int, idle_s: float) -> Keep:
        load_s = None if self._load_ms is None else self._load_ms / 1000
        return Keep(size_bytes, idle_s, load_s, self.load.used_cells, self.load.step_ms / 1000)

    def described(self, status: ModelStatus) -> ModelStatus:
        return msgspec.structs.replace(
            status,
            pid=self.pid,
            started_s=self._spawned_wall_s,
            running=self.load.running,
            waiting=self.load.waiting,
            used_cells=self.load.used_cells,
            step_ms=self.load.step_ms,
            loaded=self.loaded,
            load_ms=self._load_ms,
        )

    def _watch(self) -> None:
        """Ask whether its engine still turns.

        If we ourselves were late (the machine slept, the loop was held up), its silence proves
        nothing yet.
        """
        if self.is_ending:
            return
        now_s = self._clock.monotonic_s()
        if now_s - self._watched_s > 2 * self._settings.ping_interval_s + 1.0:
            self.heard_s = now_s
        self._watched_s = now_s
        silent_s = now_s - self.heard_s
        if silent_s >= self._settings.hang_timeout_s:
            self.condemn(f"it did not answer for {silent_s:.0f} s", how=Stop.ABORT)
            return
        self._pings += 1
        self.send(Ping(self._pings))
        self._arm(TimerKind.WATCH, self._settings.ping_interval_s)

    def _arm(self, kind: TimerKind, delay_s: float) -> None:
        self._effects.arm(self._timer(kind), delay_s)

    def _timer(self, kind: TimerKind) -> Timer:
        return Timer(kind, self._model, self.id)
