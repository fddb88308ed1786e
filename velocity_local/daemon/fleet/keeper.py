"""Keeps one model: has it loaded, feeds its worker, and carries on when that dies.

A state machine without waiting: events come in through `on_*`, decisions go out through
`Effects`. It asks its `House` before it takes memory, and tells it when it could give it back.
"""

from collections.abc import Callable

from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import Clock
from velocity_local.core.errors import ErrorInfo, OutOfMemory
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.daemon.fleet import failures
from velocity_local.daemon.fleet.effects import Effects, Timer, TimerKind
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.feeder import Feeder
from velocity_local.daemon.fleet.house import House, State
from velocity_local.daemon.fleet.lease import Lease
from velocity_local.daemon.fleet.minder import Minder
from velocity_local.daemon.fleet.mishaps import Mishaps
from velocity_local.daemon.fleet.planner import Resident
from velocity_local.daemon.fleet.process import Stop
from velocity_local.daemon.fleet.quarantine import Quarantine
from velocity_local.daemon.fleet.roster import Roster, WrongReportError
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay
from velocity_local.daemon.fleet.tickets import Ticket, WaitForLoad
from velocity_local.daemon.fleet.worth import Keep, worth
from velocity_local.wire.ipc import messages as ipc

DRAIN_S = 30.0


class Keeper:
    """One model. Of its options, `asked` are those before anything was made smaller."""

    def __init__(
        self,
        entry: ModelEntry,
        options: LoadOptions,
        *,
        settings: FleetSettings,
        effects: Effects,
        house: House["Keeper"],
        clock: Clock,
        stay: Stay,
    ) -> None:
        self.entry = entry
        self.options = self.asked = options
        self._settings = settings
        self._effects = effects
        self._house = house
        self._clock = clock
        self._quarantine = Quarantine(memory_s=settings.start_window_s)
        self._roster = Roster(self._quarantine)
        self._feeder = Feeder(entry.id, self._roster, effects=effects, clock=clock)
        self._mishaps = Mishaps(entry.id, settings)
        self._state = State.UNLOADED
        self._worker: Minder | None = None
        self._is_yielding = False
        self.lease = Lease(entry.id, stay, effects=effects, clock=clock)
        self._when_gone: list[Callable[[], None]] = []

    @property
    def state(self) -> State:
        return self._state

    @property
    def has_worker(self) -> bool:
        return self._worker is not None

    # What callers want

    def submit(self, ticket: Ticket) -> None:
        now_s = self._clock.monotonic_s()
        self.lease.ask(ticket.keep_alive_s)
        if isinstance(ticket.request, WaitForLoad):
            self._forgive()
        refusal = self._mishaps.refusal(now_s)
        if refusal is not None:
            ticket.sink.fail(refusal)
            return
        if self._quarantine.is_refused(ticket, now_s):
            ticket.sink.fail(failures.poisonous("a short while ago"))
            return
        self._roster.add(ticket)
        self._feed()
        if not ticket.is_sent:
            self._keep_waiting(ticket, now_s)

    def cancel(self, handle: int) -> None:
        """Forget a request at once. Unknown handles are fine."""
        if self._feeder.withdraw(handle, self._worker):
            self._on_ticket_left()

    # What the house decides

    def start(self) -> None:
        """There is room: start a worker. Answers go on only with the weights they began with."""
        assert self._worker is None
        if not self._effects.is_current(self.entry):
            self.refuse(failures.replaced(self.entry.id))
            self._house.on_room_changed()
            return
        self._state = State.LOADING
        number = self._house.next_worker_id(self)
        self._worker = Minder(
            number, self.entry.id, settings=self._settings, effects=self._effects, clock=self._clock
        )
        self._worker.start()

    def refuse(self, error: ErrorInfo) -> None:
        """There is no room, and none will come."""
        self._state = State.UNLOADED
        self._mishaps.last_error = error.message
        self._roster.fail_all(error)
        self._tell_gone()

    def evict(self) -> None:
        """Go now; nobody is being served."""
        if self._state is State.BACKOFF:
            self._disarm(TimerKind.RESTART)
            self._on_gone()
        elif self._state is State.READY:
            self._dismiss()

    def yield_place(self) -> None:
        """Begin no new requests, and go when those under way are done."""
        self._is_yielding = True
        self._settle()

    def resident(self, size_bytes: int) -> Resident | None:
        """How the planner sees this model; None if it holds no place."""
        if self._worker is None and self._state is not State.BACKOFF:
            return None
        kv_bytes = 0 if self._worker is None else self._worker.load.kv_bytes
        return Resident(
            model=self.entry.id,
            size_bytes=size_bytes + kv_bytes,
            kv_bytes=kv_bytes,
            worth=worth(self.keep(size_bytes + kv_bytes)),
            is_busy=len(self._roster) > 0,
            is_loading=self._state is State.LOADING,
            is_leaving=self._is_yielding or self._state in {State.UNLOADING, State.FAILED},
            is_pinned=self.lease.stay.is_pinned,
        )

    def keep(self, size_bytes: int) -> Keep:
        """What decides whether it is kept."""
        idle_s, worker = self.lease.idle_s, self._worker
        return Keep(size_bytes, idle_s) if worker is None else worker.kept(size_bytes, idle_s)

    def rest(self) -> None:
        """If nobody wants it, its lease counts."""
        if self._is_resting:
            self.lease.rest()

    @property
    def _is_resting(self) -> bool:
        return self._state is State.READY and not len(self._roster)

    # What people decide

    def unload(
        self, when_gone: Callable[[], None] | None = None, *, drain_s: float = DRAIN_S
    ) -> None:
        """Let requests under way finish for `drain_s`, then go."""
        if when_gone is not None:
            self._when_gone.append(when_gone)
        if self._state is State.READY:
            self._state = State.UNLOADING
            self._effects.arm(self._timer(TimerKind.DRAIN), drain_s)
            self._settle()
        elif self._state is State.LOADING and self._worker is not None:
            self._state = State.UNLOADING
            self._roster.fail_all(failures.unloaded(self.entry.id))
            self._worker.kill()
        elif self._worker is None:
            self._disarm(TimerKind.RESTART)
            self._roster.fail_all(failures.unloaded(self.entry.id))
            self._forgive()
            self._on_gone()

    def tell(self, command: ipc.ForgetAdapter | ipc.LimitKv) -> None:
        if self._state is State.READY and self._worker is not None:
            self._worker.send(command)

    def shut_down(self, error: ErrorInfo, *, drain_s: float) -> None:
        """Like `unload`; those who wait are told `error`."""
        self._roster.fail_unsent(error)
        if self._state is State.UNLOADING:
            self._effects.arm(self._timer(TimerKind.DRAIN), drain_s)
        self.unload(drain_s=drain_s)

    # What the worker does

    def on_spawned(self, pid: int) -> None:
        assert self._worker is not None
        self._worker.on_spawned(
            pid, ipc.Load(self.entry.path, self.options, kv=self._effects.tiers(self.entry))
        )

    def on_report(self, report: ipc.AnyReport) -> None:
        worker = self._worker
        assert worker is not None
        worker.heard_s = self._clock.monotonic_s()
        if worker.is_ending:
            return
        if isinstance(report, ipc.Step | ipc.Pong) and worker.on_load(report.load):
            self._house.on_saved()
        try:
            self._take(worker, report)
        except WrongReportError as error:
            self.on_garbage(str(error))

    def on_garbage(self, reason: str) -> None:
        assert self._worker is not None
        self._worker.condemn(f"it sent garbage: {reason}", how=Stop.KILL)

    def on_exit(self, end: Exit) -> None:
        worker, self._worker = self._worker, None
        assert worker is not None
        worker.on_exit()
        self._disarm(TimerKind.DRAIN)
        if worker.is_dismissed:
            self._on_gone()
        else:
            self._on_death(end if worker.fault is None else Exit(worker.fault))

    def on_timer(self, timer: Timer) -> None:
        match timer.kind:
            case TimerKind.RESTART if self._state is State.BACKOFF:
                self.start()
            case TimerKind.IDLE if self._is_resting:
                self._house.on_idle_for(self, self.lease.idle_s)
            case TimerKind.EXPIRY:
                if self._feeder.expire(timer.number):
                    self._on_ticket_left()
            case TimerKind.DRAIN if self._state is State.UNLOADING:
                self._roster.fail_sent(failures.unloaded(self.entry.id))
                self._settle()
            case TimerKind.LOADING if self._state is State.LOADING:
                self._fail_load(failures.too_slow_to_load(self._settings.load_timeout_s))
            case _ if self._worker is not None and timer.number == self._worker.id:
                self._worker.on_timer(timer.kind)

    def status(self) -> ModelStatus:
        status = ModelStatus(
            id=self.entry.id,
            state=self._state.public,
            fingerprint=self.entry.fingerprint,
            restarts=self._mishaps.restart_count,
            resumes=self._mishaps.resume_count,
            pending=len(self._roster) - self._roster.sent_count,
            completion_tokens=self._roster.token_count,
            last_error=self._mishaps.last_error,
            is_pinned=self.lease.stay.is_pinned,
            leaves_s=self.lease.leaves_s if self._is_resting else None,
            options=self.options,
        )
        return status if self._worker is None else self._worker.described(status)

    def _take(self, worker: Minder, report: ipc.AnyReport) -> None:
        match report:
            case ipc.Step():
                if self._roster.on_events(report.events, worker.heard_s):
                    self._settle()
            case ipc.Loaded():
                self._on_loaded(worker, report)
            case ipc.LoadFailed():
                self._fail_load(report.error)
            case ipc.Refused(handle, error):
                if self._roster.on_refused(handle, error):
                    self._settle()
            case ipc.Pong():
                pass  # what it says of its load is all
            case _:
                self._on_answer(report)

    def _on_answer(self, report: ipc.CallAnswer | ipc.TuneReport) -> None:
        if isinstance(report, ipc.TuneReport):
            raise WrongReportError("it measures, and was not asked to")
        if self._roster.on_answer(report.handle, report):
            self._settle()

    def _on_loaded(self, worker: Minder, report: ipc.Loaded) -> None:
        if self._state is not State.LOADING:
            raise WrongReportError("it says twice that it has loaded")
        if report.protocol != ipc.PROTOCOL_VERSION:
            raise WrongReportError(f"protocol {report.protocol}; {ipc.PROTOCOL_VERSION} expected")
        worker.on_loaded(report)
        self._state = State.READY
        self._mishaps.has_shrunk = False
        self._house.on_loaded(self, report)
        self._roster.on_loaded(report)
        self._settle()

    def _fail_load(self, error: ErrorInfo) -> None:
        """The worker says that it cannot, or takes too long. Those who wait are told."""
        assert self._worker is not None
        if error.code == OutOfMemory.code and self._shrink():
            self._state = State.UNLOADING
            self._worker.kill()
            return
        self._state = State.FAILED
        now_s = self._clock.monotonic_s()
        self._mishaps.note(failure := failures.load_failed(self.entry.id, error, now_s))
        self._roster.fail_all(failure.told(now_s))
        self._worker.kill()

    def _shrink(self) -> bool:
        """Ask for less the next time, once, if that is ours to choose."""
        smaller = self._mishaps.smaller_once(lambda: self._house.smaller(self))
        self.options = smaller or self.options
        return smaller is not None

    def _feed(self) -> None:
        """Send the worker what it may have now."""
        worker = self._worker
        if self._state is State.READY and worker is not None and not worker.is_ending:
            self._feeder.feed(worker, only_begun=self._is_yielding)

    def _settle(self) -> None:
        """Something ended: send what waits; with nothing under way, go if that is wanted."""
        self._feed()
        if self._roster.sent_count or self._worker is None or self._worker.is_ending:
            return
        self.lease.use()
        self.rest()
        if self._state is State.UNLOADING or (self._state is State.READY and self._is_yielding):
            self._dismiss()
        self._house.on_room_changed()

    def _keep_waiting(self, ticket: Ticket, now_s: float) -> None:
        if isinstance(ticket.request, WaitForLoad) and self._state is State.READY:
            assert self._worker is not None
            self._roster.on_loaded(self._worker.report())
            return
        self._feeder.wait(ticket, now_s)
        self._want()

    def _want(self) -> None:
        if self._worker is None and self._state in {State.UNLOADED, State.FAILED}:
            self._mishaps.failure = None
            self._state = State.QUEUED
            self._house.request_room(self)

    def _on_ticket_left(self) -> None:
        if self._state is State.QUEUED and not len(self._roster):
            self._state = State.UNLOADED  # nobody is left who wants it
        self._settle()

    def _dismiss(self) -> None:
        assert self._worker is not None
        self._state = State.UNLOADING
        self._worker.dismiss()

    def _on_gone(self) -> None:
        """The worker has left as it was told, or there was none."""
        self._state = State.UNLOADED if self._mishaps.failure is None else State.FAILED
        self._is_yielding = False
        self._tell_gone()
        if len(self._roster):
            self._want()
        self._house.on_room_changed()

    def _on_death(self, end: Exit) -> None:
        now_s = self._clock.monotonic_s()
        self._mishaps.resume_count += self._roster.sent_count
        was_useful = self._roster.take_back(now_s, end)
        if self._state is State.UNLOADING:
            self._mishaps.last_error = end.description
            self._roster.fail_all(failures.unloaded(self.entry.id))
            self._on_gone()
            return
        if self._state is State.LOADING and end.is_from_outside:
            self._shrink()  # most often the system did it for want of memory
        delay_s = self._mishaps.on_death(end.description, now_s, was_useful=was_useful)
        if delay_s is None:
            self._roster.fail_all(self._mishaps.told(now_s))
            self._house.on_given_up(self, end.description)
            self._on_gone()
            return
        self._state = State.BACKOFF
        self._effects.arm(self._timer(TimerKind.RESTART), delay_s)

    def _forgive(self) -> None:
        """Somebody asked by hand: what went wrong before no longer counts."""
        self._mishaps.forgive()
        self._quarantine.forget()

    def _tell_gone(self) -> None:
        while self._when_gone:
            self._when_gone.pop(0)()

    def _timer(self, kind: TimerKind) -> Timer:
        return Timer(kind, self.entry.id, 0)

    def _disarm(self, kind: TimerKind) -> None:
        self._effects.disarm(self._timer(kind))
