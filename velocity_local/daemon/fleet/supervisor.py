"""The one owner of all model processes: routes events to keepers and shares memory among them.

Everything here runs on one thread and returns at once; there are no locks and no waiting.
"""

from collections import deque
from collections.abc import Callable

from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import Clock
from velocity_local.core.errors import CapacityError, ErrorInfo
from velocity_local.core.models import LoadedModel, LoadOptions, ModelEntry
from velocity_local.daemon.fleet import worth
from velocity_local.daemon.fleet.arbiter import Arbiter, Decision
from velocity_local.daemon.fleet.diary import Diary
from velocity_local.daemon.fleet.economies import described, second_try
from velocity_local.daemon.fleet.effects import Effects, Sink, Timer
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.house import State
from velocity_local.daemon.fleet.keeper import Keeper
from velocity_local.daemon.fleet.kv_room import KvRoom, Saver
from velocity_local.daemon.fleet.planner import Evict, Refuse, Resident, Start, Trim, Wait, Yield
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay
from velocity_local.daemon.fleet.tickets import AnyRequest, Ticket, WaitForLoad, new_ticket
from velocity_local.wire.ipc.messages import AnyReport, ForgetAdapter, LimitKv, Loaded

NoteLoad = Callable[[ModelEntry, LoadOptions, LoadedModel], None]
"""Told what each load took."""


def no_note(_entry: ModelEntry, _options: LoadOptions, _loaded: LoadedModel) -> None:
    """For those who keep no record of loads."""


class Supervisor:
    """Keepers by model id. Implements `keeper.House` and `process.Listener`."""

    def __init__(
        self,
        settings: FleetSettings,
        *,
        effects: Effects,
        clock: Clock,
        note_load: NoteLoad = no_note,
        stay: Callable[[str], Stay] | None = None,
    ) -> None:
        self._settings = settings
        self._effects = effects
        self._clock = clock
        self._note_load = note_load
        self._stay = stay or (lambda _: Stay(settings.keep_alive_s))
        self.diary = Diary(clock)
        self._arbiter = Arbiter(settings, available_bytes=effects.available_bytes, diary=self.diary)
        self._kv_room = KvRoom()
        self._keepers: dict[str, Keeper] = {}
        self._by_worker: dict[int, Keeper] = {}
        self._wants_room: deque[Keeper] = deque()
        self._worker_count = 0
        self._handle_count = 0
        self._is_pumping = False
        self._is_stopping = False

    # What callers want

    def submit(
        self,
        request: AnyRequest | WaitForLoad,
        sink: Sink,
        *,
        entry: ModelEntry,
        options: LoadOptions,
    ) -> Ticket:
        """Run a request on a model; the outcome goes to `sink`, which may happen at once."""
        keeper = self._keeper(entry, options)
        self._handle_count += 1
        ticket = new_ticket(
            self._handle_count,
            request,
            sink=sink,
            model=entry.id,
            fingerprint=keeper.entry.fingerprint,
            submitted_s=self._clock.monotonic_s(),
        )
        if self._is_stopping:
            sink.fail(_stopping_error())
            return ticket
        keeper.submit(ticket)
        self._pump()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Forget a request; one that is over is fine."""
        keeper = self._keepers.get(ticket.info.model)
        if keeper is not None:
            keeper.cancel(ticket.handle)

    def unload(self, model: str, when_gone: Callable[[], None]) -> None:
        """Let a model's requests finish for a while, then end its process."""
        keeper = self._keepers.get(model)
        if keeper is None:
            when_gone()
        else:
            keeper.unload(when_gone)

    def forget_adapter(self, model: str, key: str) -> None:
        """Have a model's worker free an adapter; without one there is nothing to free."""
        keeper = self._keepers.get(model)
        if keeper is not None:
            keeper.tell(ForgetAdapter(key))

    def stay(self, model: str, stay: Stay) -> None:
        """How long a model stays, from now on; one that is not known has nothing to leave."""
        keeper = self._keepers.get(model)
        if keeper is not None:
            keeper.lease.stay = stay
            keeper.rest()
            self._pump()

    def evictable_bytes(self) -> int:
        """What idle models hold that may go, and the saved prompts of all others."""
        return sum(
            resident.size_bytes if resident.may_go else resident.kv_bytes
            for resident in self._residents()
        )

    def shut_down(self, *, drain_s: float) -> None:
        """Take nothing new, and end all processes; over once `has_workers` is False."""
        self._is_stopping = True
        self._wants_room.clear()
        for keeper in list(self._keepers.values()):
            keeper.shut_down(_stopping_error(), drain_s=drain_s)

    @property
    def has_workers(self) -> bool:
        return bool(self._by_worker)

    def is_ready(self) -> bool:
        """True if some model can answer now."""
        return any(keeper.state is State.READY for keeper in self._keepers.values())

    def holds(self, model: str) -> bool:
        """Whether it is loaded, or on its way."""
        keeper = self._keepers.get(model)
        return keeper is not None and keeper.has_worker

    def status(self) -> list[ModelStatus]:
        """All models that were asked for since the start."""
        return [keeper.status() for keeper in self._keepers.values()]

    # What workers do

    def on_spawned(self, worker_id: int, pid: int) -> None:
        self._by_worker[worker_id].on_spawned(pid)

    def on_report(self, worker_id: int, report: AnyReport) -> None:
        self._by_worker[worker_id].on_report(report)

    def on_garbage(self, worker_id: int, reason: str) -> None:
        self._by_worker[worker_id].on_garbage(reason)

    def on_exit(self, worker_id: int, end: Exit) -> None:
        self._by_worker.pop(worker_id).on_exit(end)
        self._pump()
        self._share_kv()

    def on_timer(self, timer: Timer) -> None:
        keeper = self._keepers.get(timer.model)
        if keeper is not None:
            keeper.on_timer(timer)

    # What keepers ask

    def next_worker_id(self, keeper: Keeper) -> int:
        self._worker_count += 1
        self._by_worker[self._worker_count] = keeper
        return self._worker_count

    def request_room(self, keeper: Keeper) -> None:
        if keeper not in self._wants_room:
            self._wants_room.append(keeper)

    def on_room_changed(self) -> None:
        self._pump()

    def on_saved(self) -> None:
        self._pump()
        self._share_kv()

    def on_loaded(self, keeper: Keeper, loaded: Loaded) -> None:
        self._arbiter.record(keeper.entry, keeper.options, loaded.model)
        self._note_load(keeper.entry, keeper.options, loaded.model)
        self._kv_room.begin(keeper.entry.id)
        self._share_kv()

    def smaller(self, keeper: Keeper) -> LoadOptions | None:
        options = second_try(keeper.options, keeper.asked, keeper.entry.shape)
        then = "" if options is None else f"; trying again with {described(options)}"
        self.diary.note("out of memory", keeper.entry.id, f"no memory could be had for it{then}")
        return options

    def on_given_up(self, keeper: Keeper, reason: str) -> None:
        starts, minutes = self._settings.max_starts, self._settings.start_window_s / 60
        text = f"{starts} starts within {minutes:g} minutes came to nothing: {reason}"
        self.diary.note("gave up", keeper.entry.id, text)

    def on_idle_for(self, keeper: Keeper, idle_s: float) -> None:
        self.diary.note("idle", keeper.entry.id, f"unloaded, unused for {idle_s:.0f} s")
        keeper.evict()

    # Inside

    def _keeper(self, entry: ModelEntry, options: LoadOptions) -> Keeper:
        keeper = self._keepers.get(entry.id)
        if keeper is None:
            keeper = Keeper(
                entry,
                options,
                settings=self._settings,
                effects=self._effects,
                house=self,
                clock=self._clock,
                stay=self._stay(entry.id),
            )
            self._keepers[entry.id] = keeper
        elif keeper.state in {State.UNLOADED, State.FAILED} and not keeper.has_worker:
            keeper.entry, keeper.options, keeper.asked = entry, options, options
        elif keeper.entry.fingerprint == entry.fingerprint:
            keeper.entry = entry  # its adapters may have changed
        return keeper

    def _pump(self) -> None:
        """Give room to those who wait for it, first come first served."""
        if self._is_pumping:
            return
        self._is_pumping = True
        while self._wants_room and self._place(self._wants_room[0]):
            pass
        self._is_pumping = False

    def _place(self, keeper: Keeper) -> bool:
        """Do what can be done for the first in line. True to look at the line again."""
        if keeper.state is not State.QUEUED:
            self._wants_room.popleft()
            return True
        return not keeper.has_worker and self._carry_out(self._decide(keeper), keeper)

    def _carry_out(self, decision: Decision, keeper: Keeper) -> bool:
        match decision.plan:
            case Wait():
                return False
            case Evict() | Yield() | Trim() as plan:
                return self._make_room(plan, keeper)
            case Refuse() as plan:
                keeper.refuse(self._arbiter.refusal(keeper.entry, plan))
            case Start():
                self._arbiter.note_start(keeper.entry, decision)
                keeper.options = decision.options
                keeper.start()
        return True

    def _make_room(self, plan: Evict | Yield | Trim, keeper: Keeper) -> bool:
        """True if there may be room at once."""
        match plan:
            case Evict(models):
                for model in models:
                    self._explain_eviction(self._keepers[model], keeper)
                    self._keepers[model].evict()
                return not any(self._keepers[model].has_worker for model in models)
            case Yield(models):
                for model in models:
                    self._explain_eviction(self._keepers[model], keeper, " once its answers end")
                    self._keepers[model].yield_place()
            case Trim(shares):
                for model, n_bytes in shares:
                    self._trim(self._keepers[model], n_bytes, keeper)
        return False

    def _explain_eviction(self, victim: Keeper, keeper: Keeper, when: str = "") -> None:
        keep = victim.keep(self._arbiter.size_bytes(victim.entry, victim.options))
        self.diary.note(
            "evicted",
            victim.entry.id,
            f"makes room for {keeper.entry.id}{when}: {worth.reason(keep)}",
            size_bytes=keep.size_bytes,
            idle_s=keep.idle_s,
            cost_s=worth.cost_s(keep),
            wanted=keeper.entry.id,
        )

    def _trim(self, giver: Keeper, n_bytes: int, keeper: Keeper) -> None:
        """Once a worker has let go, it tells; then the line is looked at again."""
        self.diary.note(
            "trimmed",
            giver.entry.id,
            f"forgets {n_bytes // 2**20} MiB of saved prompts: {keeper.entry.id} needs room",
            size_bytes=n_bytes,
            wanted=keeper.entry.id,
        )
        saver = next(saver for saver in self._savers() if saver.model == giver.entry.id)
        giver.tell(LimitKv(self._kv_room.take(saver, n_bytes)))

    def _share_kv(self) -> None:
        """What models leave over is for what they save. Those who wait for room come first."""
        if self._wants_room or self._is_stopping:
            return
        loading_bytes = sum(r.size_bytes for r in self._residents() if r.is_loading)
        free_bytes = self._arbiter.free_bytes - loading_bytes
        for model, limit in self._kv_room.changed(self._savers(), free_bytes):
            self._keepers[model].tell(LimitKv(limit))

    def _savers(self) -> list[Saver]:
        return [
            Saver(r.model, r.kv_bytes, self._effects.tiers(self._keepers[r.model].entry).ram_bytes)
            for r in self._residents()
            if not (r.is_loading or r.is_leaving)
        ]

    def _residents(self) -> list[Resident]:
        residents = (
            keeper.resident(self._arbiter.size_bytes(keeper.entry, keeper.options))
            for keeper in self._keepers.values()
        )
        return [resident for resident in residents if resident is not None]

    def _decide(self, keeper: Keeper) -> Decision:
        return self._arbiter.decide(
            keeper.entry, keeper.options, self._residents(), asked=keeper.asked
        )


def _stopping_error() -> ErrorInfo:
    return CapacityError("the daemon is stopping; ask again when it runs", retry_after_s=5.0).info()
