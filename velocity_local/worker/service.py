"""One loaded model at work: commands in, reports out, and the loop that owns the engine.

    commands ─┬───────────────────────────→ inbox → loop: engine, embeddings → reports
              └→ lanes: render, tokenize ───↗

Every command goes to the inbox. Those that need text work go to a lane as well, which answers
them itself or puts the prepared request into the inbox.
"""

import logging
import queue
from collections.abc import Sequence
from typing import NamedTuple, assert_never

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.clock import Clock
from velocity_local.core.errors import VelocityError
from velocity_local.core.kv import NO_TIERS, KvTiers
from velocity_local.core.models import Speculation
from velocity_local.wire.ipc.codec import FrameError
from velocity_local.wire.ipc.messages import (
    Cancel,
    Detokenize,
    Embed,
    EngineLoad,
    ForgetAdapter,
    Generate,
    KvAsk,
    KvTold,
    LimitKv,
    Load,
    Ping,
    Pong,
    Refused,
    Render,
    Shutdown,
    Step,
    Tokenize,
    Tune,
)
from velocity_local.wire.ipc.transport import Closed, Incoming, ReportWriter
from velocity_local.worker.adapters import Adapters
from velocity_local.worker.chat.pieces import PieceTable, with_markers
from velocity_local.worker.constraining import Constraining
from velocity_local.worker.embeddings import EmbeddingJob, Embeddings
from velocity_local.worker.engine import faults
from velocity_local.worker.engine.backend import Backend, BackendError
from velocity_local.worker.engine.loop import Engine
from velocity_local.worker.engine.passes import STALL_TARGET_MS
from velocity_local.worker.engine.sequence import SequenceEvent
from velocity_local.worker.engine.statecache import Kept
from velocity_local.worker.exit_codes import EXIT_BROKEN, EXIT_OK, EXIT_PROTOCOL
from velocity_local.worker.family_files import shipped_families
from velocity_local.worker.kv_answers import KvAnswers, KvQuestion
from velocity_local.worker.lanes import Lanes, internal
from velocity_local.worker.preparation import Preparation, Prepared
from velocity_local.worker.prompts import Prompts
from velocity_local.worker.render_host import RenderHost
from velocity_local.worker.states.tiers import StateTiers
from velocity_local.worker.streams import Outbox, Streams

_log = logging.getLogger(__name__)


class Restored(NamedTuple):
    """Saved cells that were on disk."""

    states: list[Kept]


InboxItem = Incoming | Prepared | EmbeddingJob | KvQuestion | Refused | Restored
Inbox = queue.SimpleQueue[InboxItem]


class WorkerService:
    """Apart from `notice`, which the reader calls, everything is the loop's own thread's."""

    def __init__(
        self,
        backend: Backend,
        inbox: Inbox,
        writer: ReportWriter,
        host: RenderHost,
        clock: Clock,
        *,
        stall_target_ms: float = STALL_TARGET_MS,
        kv: KvTiers = NO_TIERS,
        speculation: Speculation = "off",
        draft: Backend | None = None,
        pass_ms: Sequence[tuple[int, float]] = (),
    ) -> None:
        tokenizer = backend.tokenizer
        self._clock = clock
        self._inbox = inbox
        self._writer = writer
        self._can_generate = backend.capabilities.can_generate
        self._tiers = StateTiers(kv, backend.capabilities, clock)
        self._engine = Engine(
            backend,
            clock=clock,
            stall_target_ms=stall_target_ms,
            state_bytes=self._tiers.ram_bytes,
            on_drop=self._tiers.on_drop,
            speculation=speculation,
            draft=draft,
            pass_ms=pass_ms,
        )
        self._adapters = Adapters(backend, self._engine.adapters_in_use)
        self._embeddings = Embeddings(backend)
        self._streams = Streams(self._engine, tokenizer.is_end)
        prompts = Prompts(tokenizer, host, shipped_families())
        shown = with_markers(tokenizer.piece, tokenizer.piece_special, prompts.markers)
        self._constraining = Constraining(tokenizer, shown)
        self._kv_answers = KvAnswers(
            self._engine.cache,
            self._tiers,
            text_of=prompts.text_of,
            cell_bytes=backend.loaded.kv_bytes_per_token,
        )
        preparation = Preparation(
            prompts,
            tokenizer,
            backend.capabilities,
            PieceTable(tokenizer.piece),
            PieceTable(shown, control=prompts.control_markers),
            n_embd=backend.loaded.n_embd,
            constraining=self._constraining,
            tiers=self._tiers,
        )
        self._lanes = Lanes(preparation, host, clock=clock, deliver=inbox.put, answer=writer.send)
        self._preparing: set[int] = set()
        self._exit_code: int | None = None

    def start(self) -> None:
        """Let commands be prepared from now on."""
        self._tiers.start(lambda states: self._inbox.put(Restored(states)))
        self._lanes.start()
        if self._can_generate:
            self._constraining.start()

    def notice(self, item: Incoming) -> None:
        """On the reader's thread, after `item` went to the inbox: begin what need not wait."""
        match item:
            case Generate() | Embed() | Tokenize() | Detokenize() | Render() | KvAsk():
                self._engine.stop_warming()
                self._lanes.take(item)
            case Cancel(handle):
                self._engine.interrupt(handle)
            case Shutdown():
                self._engine.stop_warming()
                self._engine.interrupt()
            case _:
                pass

    def run(self) -> int:
        """Serve until told to stop; the exit code. With nothing to do, wait for the inbox."""
        self._warm_up()
        while self._exit_code is None:
            if not (self._engine.has_work or self._embeddings.has_work):
                self._handle(self._inbox.get())
            while not self._inbox.empty():
                self._handle(self._inbox.get())
            if self._writer.is_congested:
                self._writer.wait_until_drained()
            if self._engine.has_work:
                self._step()
            if self._embeddings.has_work:
                self._embed()
        self._tiers.close(self._engine.cache.save_all())
        self._constraining.close()
        return self._exit_code

    def _warm_up(self) -> None:
        """So that the first request does not pay for it, unless the model was loaded for one."""
        if not self._can_generate or not self._inbox.empty():
            return
        try:
            self._engine.warm_up()
        except BackendError:
            _log.exception("warming up failed")

    def _handle(self, item: InboxItem) -> None:
        match item:
            case Prepared():
                self._submit(item)
            case EmbeddingJob():
                if self._is_wanted(item.handle):
                    self._embeddings.submit(item)
            case KvQuestion(handle):
                self._writer.send(KvTold(handle, self._kv_answers.answer(item)))
            case Restored(states):
                self._engine.cache.take(states)
            case Refused(handle):
                self._preparing.discard(handle)
            case _:
                self._obey(item)

    def _obey(self, command: Incoming) -> None:
        match command:
            case Generate(handle) | Embed(handle):
                self._preparing.add(handle)
            case Cancel(handle):
                self._cancel(handle)
            case Ping(number):
                self._writer.send(Pong(number, self._load()))
            case ForgetAdapter() | LimitKv():
                self._let_go(command)
            case Shutdown() | Closed():
                self._exit_code = EXIT_OK
            case FrameError() | Load() | Tune():
                _log.error("the daemon broke the protocol: %s", command)
                self._exit_code = EXIT_PROTOCOL
            case Tokenize() | Detokenize() | Render() | KvAsk():
                pass  # a lane answers it
            case _:
                assert_never(command)

    def _let_go(self, command: ForgetAdapter | LimitKv) -> None:
        if isinstance(command, ForgetAdapter):
            self._adapters.forget(command.key)
            return
        self._engine.cache.states.resize(command.n_bytes)
        self._writer.send(Step((), self._load()))

    def _load(self) -> EngineLoad:
        load = self._engine.load()
        kv_bytes = self._engine.cache.states.used_bytes + self._tiers.waiting_bytes
        return msgspec.structs.replace(load, kv_bytes=kv_bytes) if kv_bytes else load

    def _is_wanted(self, handle: int) -> bool:
        """Take a request out of preparation; False if it was cancelled in there."""
        is_wanted = handle in self._preparing
        self._preparing.discard(handle)
        return is_wanted

    def _submit(self, prepared: Prepared) -> None:
        self._engine.cache.take(prepared.states)
        if not self._is_wanted(prepared.handle):
            return
        if prepared.adapter is not None and not self._has(prepared.adapter, prepared.handle):
            return
        for spec, choice in zip(prepared.specs, prepared.choices, strict=True):
            self._streams.open(spec.key, choice, n_emitted=len(spec.emitted))
        self._engine.submit(prepared.specs)

    def _has(self, adapter: Adapter, handle: int) -> bool:
        """Load an adapter if it is not there; False if its request had to be refused."""
        try:
            self._adapters.ensure(adapter)
        except VelocityError as error:
            self._writer.send(Refused(handle, error.info()))
            return False
        return True

    def _cancel(self, handle: int) -> None:
        self._preparing.discard(handle)
        self._streams.drop(handle)
        self._embeddings.cancel(handle)
        self._engine.cancel(handle)
        self._adapters.tidy()

    def _step(self) -> None:
        """One engine step and its report. A fault fails who was running, not the worker."""
        outbox: Outbox = []
        try:
            events = self._engine.step()
        except Exception:  # noqa: BLE001 - supervisor
            _log.exception("the engine failed")
            self._abandon(outbox)
        else:
            self._show(events, outbox)
        if outbox:
            self._writer.send(Step(tuple(outbox), self._load()))
            self._adapters.tidy()

    def _show(self, events: list[SequenceEvent], outbox: Outbox) -> None:
        for event in events:
            try:
                self._streams.on(event, outbox)
            except Exception:  # noqa: BLE001 - supervisor
                _log.exception("reading the output of %s failed", event.key)
                self._engine.finish(event.key)
                self._streams.fail(event.key, internal("reading the output"), outbox)

    def _abandon(self, outbox: Outbox) -> None:
        """Fail every running request; if the engine cannot even forget them, end the process."""
        for handle in self._streams.handles():
            self._engine.cancel(handle)
        self._streams.fail_all(internal("computing the answer"), outbox)
        if self._engine.has_work:
            self._exit_code = EXIT_BROKEN

    def _embed(self) -> None:
        for handle, told in self._embeddings.expire(self._clock.monotonic_s()):
            self._writer.send(Refused(handle, told))
        if not self._embeddings.has_work:
            return
        try:
            embedded = self._embeddings.step()
        except BackendError as error:
            handle = self._embeddings.give_up()
            self._writer.send(Refused(handle, faults.told(error).info()))
            return
        if embedded is not None:
            self._writer.send(embedded)
