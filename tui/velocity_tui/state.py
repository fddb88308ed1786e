"""All that is known of the daemon at one moment, as a value. Knows nothing of how it came."""

from dataclasses import dataclass, field, replace

from velocity_local.core.history import RequestRow
from velocity_local.core.notices import Notice
from velocity_local.wire.http.admin import GpuItem, StatusAnswer, WorkerItem
from velocity_local.wire.http.kv import KvList
from velocity_local.wire.http.telemetry import TelemetryAnswer

TREND_SAMPLES = 60
"""One a second: the last minute."""


@dataclass(frozen=True, slots=True)
class Looking:
    """Nothing is known yet."""


@dataclass(frozen=True, slots=True)
class Up:
    """The daemon answers at `address`."""

    address: str


@dataclass(frozen=True, slots=True)
class Down:
    """Nobody answers. It is asked again twice a second."""

    reason: str
    can_start: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The daemon answers, but not to us."""

    reason: str


@dataclass(frozen=True, slots=True)
class Starting:
    """The daemon is being started from here."""


Link = Looking | Up | Down | Refused | Starting


@dataclass(frozen=True, slots=True)
class Trend:
    """The last minute, oldest first; shares from 0 to 1."""

    tokens_per_s: tuple[float, ...] = ()
    cpu: tuple[float, ...] = ()
    memory: tuple[float, ...] = ()
    gpu: tuple[float, ...] = ()
    gpu_memory: tuple[float, ...] = ()
    watts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the screens are drawn from. `status` is None while the daemon cannot be asked.

    `telemetry` is the machine now; `notices` are the newest of what the daemon did with models by
    itself, oldest first.
    """

    link: Link = Looking()
    status: StatusAnswer | None = None
    telemetry: TelemetryAnswer | None = None
    kept: KvList | None = None
    recent: tuple[RequestRow, ...] = ()
    notices: tuple[Notice, ...] = ()
    tokens_per_s: float = 0.0
    trend: Trend = field(default_factory=Trend)

    @property
    def workers(self) -> tuple[WorkerItem, ...]:
        return () if self.status is None else self.status.workers

    @property
    def running(self) -> int:
        return sum(worker.running for worker in self.workers)

    @property
    def waiting(self) -> int:
        return 0 if self.status is None else self.status.waiting


def cut_off(known: Snapshot, link: Link) -> Snapshot:
    """The daemon cannot be asked any more: nothing of its present is known."""
    return replace(known, link=link, status=None, telemetry=None, kept=None, tokens_per_s=0.0)


def sampled(known: Snapshot) -> Snapshot:
    """One more sample of the trend, a second after the one before."""
    trend, now = known.trend, known.telemetry
    return replace(
        known,
        trend=Trend(
            _appended(trend.tokens_per_s, known.tokens_per_s),
            _appended(trend.cpu, cpu_use(now)),
            _appended(trend.memory, memory_use(now)),
            _appended(trend.gpu, gpu_use(now)),
            _appended(trend.gpu_memory, gpu_memory_use(now)),
            _appended(trend.watts, watts(now)),
        ),
    )


def cpu_use(now: TelemetryAnswer | None) -> float:
    if now is None or not now.cpu.use:
        return 0.0
    return sum(now.cpu.use) / len(now.cpu.use)


def memory_use(now: TelemetryAnswer | None) -> float:
    if now is None or not now.memory.total_bytes:
        return 0.0
    return 1 - now.memory.available_bytes / now.memory.total_bytes


def gpu_use(now: TelemetryAnswer | None) -> float:
    """The busiest GPU's."""
    return max((gpu.use or 0.0 for gpu in _gpus(now)), default=0.0)


def gpu_memory_use(now: TelemetryAnswer | None) -> float:
    """The fullest GPU's."""
    shares = (
        gpu.memory_used_bytes / gpu.memory_total_bytes
        for gpu in _gpus(now)
        if gpu.memory_total_bytes and gpu.memory_used_bytes is not None
    )
    return max(shares, default=0.0)


def watts(now: TelemetryAnswer | None) -> float:
    return 0.0 if now is None else now.power.watts or 0.0


def _gpus(now: TelemetryAnswer | None) -> tuple[GpuItem, ...]:
    return () if now is None else now.gpus


def _appended(samples: tuple[float, ...], sample: float) -> tuple[float, ...]:
    return (*samples[1 - TREND_SAMPLES :], sample)
