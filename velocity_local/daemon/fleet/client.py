"""The fleet as the rest of the daemon uses it: requests in, events out, whatever processes do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from velocity_local.config.settings import EngineSettings, FleetSettings
from velocity_local.core.clock import Clock
from velocity_local.core.errors import VelocityError
from velocity_local.core.kv import NO_TIERS, KvState, KvTiers
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.core.notices import Notice
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.fleet.effects import Answer, Sink
from velocity_local.daemon.fleet.environment import worker_environment
from velocity_local.daemon.fleet.hands import Hands, resident_bytes
from velocity_local.daemon.fleet.process import worker_command
from velocity_local.daemon.fleet.status import ModelStatus
from velocity_local.daemon.fleet.stays import Stay, Stays
from velocity_local.daemon.fleet.stream import EventStream, Reply
from velocity_local.daemon.fleet.supervisor import NoteLoad, Supervisor, no_note
from velocity_local.daemon.fleet.tickets import AnyRequest, CallRequest, Ticket, WaitForLoad
from velocity_local.wire.ipc.messages import Detokenized, Embedded, KvTold, Rendered, Tokenized

log = logging.getLogger(__name__)
DRAIN_S = 10.0
# Shutdown and two signals, with their graces.
ENDING_S = 10.0


class Catalog(Protocol):
    """Knows the models on this machine."""

    async def resolve(self, name: str) -> ModelEntry:
        """The model that `name` stands for.

        Raises:
            VelocityError: if there is none of that name, or its file cannot be used.
        """
        ...

    def is_current(self, entry: ModelEntry) -> bool:
        """Whether the files are still those that `entry` was read from."""
        ...


Place = Callable[[ModelEntry, LoadOptions], Awaitable[LoadOptions]]
"""Chooses where a model's layers go, before it is loaded."""


class Fleet:
    """Implements `gateway.ports.Runner`. Lives on one event loop, from `start` to `stop`."""

    def __init__(
        self,
        settings: FleetSettings,
        *,
        catalog: Catalog,
        load_options: Callable[[ModelEntry], LoadOptions],
        log_folder: Path,
        clock: Clock,
        note_load: NoteLoad = no_note,
        tiers: Callable[[ModelEntry], KvTiers] = lambda _: NO_TIERS,
        place: Place | None = None,
        stays: Stays | None = None,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._load_options = load_options
        self._place = place
        self._stays = stays or Stays(settings.keep_alive_s)
        self._hands = Hands(
            log_folder=log_folder,
            command=worker_command(),
            environment=worker_environment(),
            is_current=catalog.is_current,
            tiers=tiers,
        )
        self._supervisor = Supervisor(
            settings,
            effects=self._hands,
            clock=clock,
            note_load=note_load,
            stay=self._stays.of,
        )
        self._hands.serve(self._supervisor)
        self._preloads: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to load what the settings want loaded; returns at once."""
        for name in self._settings.preload:
            task = asyncio.create_task(self._preload(name), name=name)
            self._preloads.add(task)
            task.add_done_callback(self._preloads.discard)

    @property
    def preloading(self) -> tuple[str, ...]:
        """Models wanted at the start that are neither ready nor failed yet."""
        return tuple(sorted(task.get_name() for task in self._preloads))

    async def stop(self, *, drain_s: float = DRAIN_S) -> None:
        """Take nothing new, let requests finish for `drain_s`, and end all processes."""
        for task in self._preloads:
            task.cancel()
        self._supervisor.shut_down(drain_s=drain_s)
        try:
            await asyncio.wait_for(self._hands.all_gone(), drain_s + ENDING_S)
        except TimeoutError:
            self._hands.kill_all()
            await self._hands.all_gone()
        finally:
            self._hands.disarm_all()

    def stream(self, request: GenerationRequest) -> EventStream:
        """Run a generation; see `gateway.ports.Runner`. `.info` tells how it fared."""

        async def submit(sink: Sink) -> Ticket:
            return await self._submit(request, sink)

        return EventStream(submit, self._supervisor.cancel, choices=request.n)

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        answer = await self._call(request)
        assert isinstance(answer, Embedded)
        return answer

    async def tokenize(self, request: TokenizeRequest) -> Tokenized:
        answer = await self._call(request)
        assert isinstance(answer, Tokenized)
        return answer

    async def detokenize(self, request: DetokenizeRequest) -> str:
        answer = await self._call(request)
        assert isinstance(answer, Detokenized)
        return answer.text

    async def render(self, request: RenderRequest) -> str:
        answer = await self._call(request)
        assert isinstance(answer, Rendered)
        return answer.text

    async def kv(self, request: KvRequest) -> KvState:
        """What a model keeps of earlier prompts; it is loaded if it is not."""
        answer = await self._call(request)
        assert isinstance(answer, KvTold)
        return answer.state

    async def load(self, entry: ModelEntry) -> None:
        """Return once the model can answer; earlier failures are forgiven.

        Raises:
            VelocityError: if it cannot be loaded, with the reason.
        """
        reply = Reply()
        ticket = await self._run(WaitForLoad(), reply, entry)
        try:
            await reply.received()
        finally:
            self._supervisor.cancel(ticket)

    async def unload(self, model: str) -> None:
        """Let a model's requests finish for a while and end its process; return once it is gone.

        A model that is not loaded is fine.
        """
        gone = asyncio.Event()
        self._supervisor.unload(model, gone.set)
        await gone.wait()

    def pin(self, model: str, *, is_pinned: bool) -> None:
        """Whether a model stays loaded whatever else is wanted; this loads nothing.

        Raises:
            DiskFull: if that cannot be kept for the next start.
        """
        self._supervisor.stay(model, self._stays.pin(model, is_pinned=is_pinned))

    def keep_alive(self, model: str, keep_alive_s: float | None) -> None:
        """How long a model stays while nobody uses it, from now on; None for ever.

        Raises:
            DiskFull: as `pin`.
        """
        self._supervisor.stay(model, self._stays.keep_alive(model, keep_alive_s))

    def stay(self, model: str) -> Stay:
        """What was said of it, or what the settings say."""
        return self._stays.of(model)

    def notices(self, after: int) -> list[Notice]:
        """What was done with models unasked, after that number."""
        return self._supervisor.diary.since(after)

    def evictable_bytes(self) -> int:
        """What idle models hold that may go."""
        return self._supervisor.evictable_bytes()

    @property
    def busy(self) -> int:
        """Requests that run or wait now, on any model."""
        statuses = self._supervisor.status()
        return sum(one.running + one.waiting + one.pending for one in statuses)

    def forget_adapter(self, model: str, key: str) -> None:
        """Have a worker free an adapter once no request computes with it; any may be unknown."""
        self._supervisor.forget_adapter(model, key)

    def status(self) -> list[ModelStatus]:
        """Every model that was asked for since the daemon's start."""
        return [
            msgspec.structs.replace(
                status,
                rss_bytes=resident_bytes(status.pid),
                log_tail=self._hands.log(status.id).tail(),
            )
            for status in self._supervisor.status()
        ]

    def readiness(self) -> tuple[bool, str]:
        """Whether some model can answer now, and if not, why."""
        if self._supervisor.is_ready():
            return True, ""
        states = [
            f"model {status.id!r} is {status.state}"
            + (f": {status.last_error}" if status.last_error else "")
            for status in self._supervisor.status()
        ]
        return False, "; ".join(states) or "no model is loaded; the first request loads one"

    async def _preload(self, name: str) -> None:
        try:
            await self.load(await self._catalog.resolve(name))
        except VelocityError as error:
            log.warning("model %s was not preloaded: %s", name, error.message)

    async def _submit(self, request: AnyRequest, sink: Sink) -> Ticket:
        return await self._run(request, sink, await self._catalog.resolve(request.model))

    async def _run(
        self, request: AnyRequest | WaitForLoad, sink: Sink, entry: ModelEntry
    ) -> Ticket:
        options = self._load_options(entry)
        if self._place is not None and not self._supervisor.holds(entry.id):
            options = await self._place(entry, options)
        return self._supervisor.submit(request, sink, entry=entry, options=options)

    async def _call(self, request: CallRequest) -> Answer:
        reply = Reply()
        ticket = await self._submit(request, reply)
        try:
            return await reply.received()
        finally:
            self._supervisor.cancel(ticket)


def load_options(engine: EngineSettings, entry: ModelEntry) -> LoadOptions:
    """How the settings want a model of this format loaded."""
    return LoadOptions(
        n_ctx=engine.n_ctx,
        n_seq_max=engine.n_seq_max,
        n_batch=engine.n_batch,
        n_threads=engine.n_threads,
        n_gpu_layers=engine.n_gpu_layers,
        kv_type=engine.kv_type,
        flash_attention=engine.flash_attention,
        stall_target_ms=engine.stall_target_ms,
        speculation=engine.speculation,
        heads=engine.heads,
        draft_path=None if entry.draft is None else entry.draft.path,
        backend="mlx" if entry.format == "mlx" else "llama_cpp",
    )
