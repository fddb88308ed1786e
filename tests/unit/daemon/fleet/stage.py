"""A supervisor on a stage: recorded effects, a clock that is set, sinks that remember.

A story reads as: given models, when this happens, then these effects.
"""

from dataclasses import dataclass, field

import msgspec

from velocity_local.config.settings import FleetSettings
from velocity_local.core.adapters import Adapter
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Failed,
    Finished,
    Started,
    Usage,
)
from velocity_local.core.fit import Shape
from velocity_local.core.kv import KvTiers
from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry
from velocity_local.core.queueing import QueueTerms
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.daemon.fleet.effects import Answer, Timer, TimerKind
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.process import Stop
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.supervisor import Supervisor
from velocity_local.daemon.fleet.tickets import AnyRequest, Ticket, WaitForLoad
from velocity_local.wire.ipc.messages import (
    AnyReport,
    Cancel,
    Command,
    EngineLoad,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Resumed,
    Shutdown,
    Step,
)

MIB = 1024 * 1024
PLENTY = 64 * 1024 * MIB
LOADED = LoadedModel(
    n_vocab=10,
    n_ctx=100,
    n_cells=100,
    n_ctx_train=100,
    n_embd=4,
    n_seq_max=8,
    n_threads=1,
    can_generate=True,
    can_embed=False,
    has_chat_template=True,
    pooling="none",
    device="cpu",
    description="",
    load_ms=1.0,
    memory_bytes=0,
    kv_bytes_per_token=1,
)
IDLE = EngineLoad(0, 0, 0, 0.0)


class RecordedEffects:
    """Remembers what was decided, in order."""

    def __init__(self) -> None:
        self.spawned: list[tuple[int, str]] = []
        self.sent: list[tuple[int, Command]] = []
        self.stopped: list[tuple[int, Stop]] = []
        self.timers: dict[Timer, float] = {}
        self.free_bytes = PLENTY
        self.kv_ram_bytes = 0
        self.replaced: set[str] = set()

    def spawn(self, worker_id: int, model: str) -> None:
        self.spawned.append((worker_id, model))

    def send(self, worker_id: int, command: Command) -> None:
        self.sent.append((worker_id, command))

    def stop(self, worker_id: int, how: Stop) -> None:
        self.stopped.append((worker_id, how))

    def arm(self, timer: Timer, delay_s: float) -> None:
        self.timers[timer] = delay_s

    def disarm(self, timer: Timer) -> None:
        self.timers.pop(timer, None)

    def tiers(self, entry: ModelEntry) -> KvTiers:
        return KvTiers(ram_bytes=self.kv_ram_bytes or len(entry.id))

    def is_current(self, entry: ModelEntry) -> bool:
        return entry.id not in self.replaced

    def available_bytes(self) -> int:
        return self.free_bytes


@dataclass
class Caller:
    """One who asked: what he got."""

    name: str
    ticket: Ticket | None = None
    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    errors: list[ErrorInfo] = field(default_factory=list)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def answer(self, answer: Answer) -> None:
        self.answers.append(answer)

    def fail(self, error: ErrorInfo) -> None:
        self.errors.append(error)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def failure(self) -> str | None:
        """The code with which it ended, if it failed."""
        failed = [event.error for event in self.events if isinstance(event, Failed)]
        codes = {error.code for error in [*self.errors, *failed]}
        assert len(codes) <= 1
        return next(iter(codes), None)

    @property
    def handle(self) -> int:
        assert self.ticket is not None
        return self.ticket.handle


class Stage:
    """Short verbs for everything that can happen."""

    def __init__(self, **settings: object) -> None:
        self.clock = ManualClock()
        self.effects = RecordedEffects()
        self.settings = msgspec.structs.replace(FleetSettings(headroom_bytes=0), **settings)
        self.supervisor = Supervisor(self.settings, effects=self.effects, clock=self.clock)
        self.callers: dict[str, Caller] = {}
        self.sizes: dict[str, int] = {}
        self.shapes: dict[str, Shape] = {}
        self.options = LoadOptions()
        self.adapters: tuple[Adapter, ...] = ()

    def ask(
        self,
        name: str,
        model: str = "m",
        *,
        n: int = 1,
        deadline_s: float | None = None,
        patience_s: float | None = None,
        keep_alive_s: float | None = None,
    ) -> Caller:
        """A generation whose prompt is the caller's name."""
        request = GenerationRequest(
            id=name,
            model=model,
            prompt=TextPrompt(name),
            n=n,
            deadline_s=deadline_s,
            queue=QueueTerms(timeout_s=patience_s),
            keep_alive_s=keep_alive_s,
        )
        return self.submit(name, request, model)

    def load(self, model: str = "m") -> Caller:
        return self.submit(f"load {model}", WaitForLoad(), model)

    def submit(self, name: str, request: AnyRequest | WaitForLoad, model: str = "m") -> Caller:
        caller = self.callers[name] = Caller(name)
        caller.ticket = self.supervisor.submit(
            request, caller, entry=self.entry(model), options=self.options
        )
        return caller

    def entry(self, model: str) -> ModelEntry:
        size = self.sizes.get(model, MIB)
        return ModelEntry(
            id=model,
            path=f"/models/{model}.gguf",
            format="gguf",
            size_bytes=size,
            fingerprint=f"print of {model}",
            created_s=0,
            shape=self.shapes.get(model),
            adapters=self.adapters if model == "m" else (),
        )

    def cancel(self, name: str) -> None:
        ticket = self.callers[name].ticket
        assert ticket is not None
        self.supervisor.cancel(ticket)

    @property
    def worker(self) -> int:
        """The worker that was started last."""
        return self.effects.spawned[-1][0]

    def spawned(self) -> list[str]:
        return [model for _, model in self.effects.spawned]

    def up(self, worker: int | None = None) -> int:
        """The last worker starts and loads."""
        worker = self.worker if worker is None else worker
        self.supervisor.on_spawned(worker, 1000 + worker)
        self.report(Loaded(LOADED, 1000 + worker), worker=worker)
        return worker

    def report(self, report: AnyReport, *, worker: int | None = None) -> None:
        self.supervisor.on_report(self.worker if worker is None else worker, report)

    def fail_load(self, code: str, message: str) -> None:
        self.supervisor.on_spawned(self.worker, 1)
        self.report(LoadFailed(ErrorInfo(code, message)))

    def begin(self, *names: str) -> None:
        self.step(*((name, Started(0, 3, 0)) for name in names))

    def say(self, name: str, text: str, *, choice: int = 0) -> None:
        """One token for each character."""
        self.step((name, Delta(choice, tuple(text.encode()), text)))

    def finish(self, name: str, *, choice: int = 0) -> None:
        self.step((name, Finished(choice, "stop", Usage(1, 1), EngineTimings(0, 0, 0))))

    def step(self, *events: tuple[str, Event], load: EngineLoad = IDLE) -> None:
        self.report(Step(tuple((self.callers[name].handle, event) for name, event in events), load))

    def die(self, reason: str = "SIGABRT", *, worker: int | None = None) -> None:
        """The worker ends; by its own fault, unless the reason is SIGKILL."""
        end = Exit(reason, is_from_outside=reason == "SIGKILL")
        self.supervisor.on_exit(self.worker if worker is None else worker, end)

    def fire(self, kind: TimerKind) -> float:
        """Let the time pass until the timer of that kind goes off; its delay."""
        timer = next(timer for timer in self.effects.timers if timer.kind is kind)
        delay_s = self.effects.timers.pop(timer)
        self.clock.advance(delay_s)
        self.supervisor.on_timer(timer)
        return delay_s

    def restart(self) -> float:
        """The worker comes back after a death; how long that took."""
        delay_s = self.fire(TimerKind.RESTART)
        self.up()
        return delay_s

    def armed(self, kind: TimerKind) -> bool:
        return any(timer.kind is kind for timer in self.effects.timers)

    def sent(self, worker: int | None = None) -> list[str]:
        """What the worker was told, in words; by default the last one."""
        worker = self.worker if worker is None else worker
        return [self._word(command) for id_, command in self.effects.sent if id_ == worker]

    def resumed(self, name: str) -> tuple[Resumed, ...]:
        """How the last worker was told to go on with a request."""
        handle = self.callers[name].handle
        commands = [command for worker, command in self.effects.sent if worker == self.worker]
        return next(c.resumed for c in commands if isinstance(c, Generate) and c.handle == handle)

    def state(self, model: str = "m") -> str:
        return self.status(model).state

    def status(self, model: str = "m") -> ModelStatus:
        return next(status for status in self.supervisor.status() if status.id == model)

    def _word(self, command: Command) -> str:
        names = {
            caller.ticket.handle: caller.name for caller in self.callers.values() if caller.ticket
        }
        match command:
            case Load():
                return "load"
            case Generate(handle):
                return names[handle]
            case Cancel(handle):
                return f"cancel {names[handle]}"
            case Shutdown():
                return "shutdown"
        return type(command).__name__.lower()


def serving(*names: str) -> Stage:
    """A ready model with these requests begun."""
    stage = Stage()
    for name in names:
        stage.ask(name)
    stage.up()
    stage.begin(*names)
    return stage
