"""All that is known of the daemon at one moment, as a value. Knows nothing of how it came."""

from dataclasses import dataclass, field, replace

from velocity_local.core.history import RequestRow
from velocity_local.wire.http.admin import StatusAnswer, SystemAnswer, WorkerItem

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the screens are drawn from. `status` is None while the daemon cannot be asked.

    `tokens_per_s` is estimated from the engines' last steps: sequences over step time.
    """

    link: Link = Looking()
    status: StatusAnswer | None = None
    system: SystemAnswer | None = None
    recent: tuple[RequestRow, ...] = ()
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
    return replace(known, link=link, status=None, system=None, tokens_per_s=0.0)


def sampled(known: Snapshot, tokens_per_s: float) -> Snapshot:
    """One more sample of the trend, a second after the one before."""
    trend = known.trend
    return replace(
        known,
        trend=Trend(
            _appended(trend.tokens_per_s, tokens_per_s),
            _appended(trend.cpu, cpu_use(known.system)),
            _appended(trend.memory, memory_use(known.system)),
            _appended(trend.gpu, gpu_use(known.system)),
        ),
    )


def decode_rate(status: StatusAnswer) -> float:
    """Tokens a second of all engines: each step gives each running sequence about one token."""
    return sum(
        worker.running * 1000 / worker.step_ms
        for worker in status.workers
        if worker.running and worker.step_ms > 0
    )


def cpu_use(system: SystemAnswer | None) -> float:
    if system is None or not system.cpu.use:
        return 0.0
    return sum(system.cpu.use) / len(system.cpu.use)


def memory_use(system: SystemAnswer | None) -> float:
    if system is None or not system.memory.total_bytes:
        return 0.0
    return 1 - system.memory.available_bytes / system.memory.total_bytes


def gpu_use(system: SystemAnswer | None) -> float:
    """The busiest GPU's."""
    uses = () if system is None else system.gpus
    return max((gpu.use or 0.0 for gpu in uses), default=0.0)


def _appended(samples: tuple[float, ...], sample: float) -> tuple[float, ...]:
    return (*samples[1 - TREND_SAMPLES :], sample)
