"""What the supervisor decides, as calls that somebody carries out. None of them waits, and none
calls the supervisor back before it returns.
"""

from enum import Enum
from typing import NamedTuple, Protocol

from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Event
from velocity_local.core.kv import KvTiers
from velocity_local.core.models import ModelEntry
from velocity_local.daemon.fleet.process import Stop
from velocity_local.wire.ipc.messages import (
    Command,
    Detokenized,
    Embedded,
    KvTold,
    Loaded,
    Rendered,
    Tokenized,
)

Answer = Embedded | Tokenized | Detokenized | Rendered | KvTold | Loaded


class TimerKind(Enum):
    """What a timer is for; `Timer.number` is a worker's id, or a request's handle for EXPIRY."""

    LOADING = "loading"
    WATCH = "watch"
    RESTART = "restart"
    DRAIN = "drain"
    STOPPING = "stopping"
    EXPIRY = "expiry"
    IDLE = "idle"


class Timer(NamedTuple):
    kind: TimerKind
    model: str
    number: int


class Effects(Protocol):
    """The hands of the supervisor."""

    def spawn(self, worker_id: int, model: str) -> None:
        """Start a worker; answered by `on_spawned`, or `on_exit` if that failed."""
        ...

    def send(self, worker_id: int, command: Command) -> None: ...

    def stop(self, worker_id: int, how: Stop) -> None:
        """Signal a worker; answered by `on_exit` when it is gone."""
        ...

    def arm(self, timer: Timer, delay_s: float) -> None:
        """Answered by `on_timer`; arming an armed timer sets it anew."""
        ...

    def disarm(self, timer: Timer) -> None:
        """Unknown timers are fine."""
        ...

    def is_current(self, entry: ModelEntry) -> bool:
        """Whether the files of a model are still those that were looked over."""
        ...

    def tiers(self, entry: ModelEntry) -> KvTiers:
        """Where a model's cells may go that leave its device."""
        ...

    def available_bytes(self) -> int:
        """Memory that a new process could use now."""
        ...


class Sink(Protocol):
    """Where the outcome of one request goes."""

    def event(self, event: Event) -> None: ...

    def answer(self, answer: Answer) -> None:
        """The whole outcome of a request that is not a generation."""
        ...

    def fail(self, error: ErrorInfo) -> None:
        """The whole outcome of a request of which no event was delivered."""
        ...
