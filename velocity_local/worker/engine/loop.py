"""The engine: sequences in, tokens out, one step at a time. No threads and no text in here."""

from collections.abc import Callable, Sequence

from velocity_local.core.clock import Clock
from velocity_local.core.errors import OutOfMemory, VelocityError
from velocity_local.core.events import EngineTimings, Usage
from velocity_local.core.models import Speculation
from velocity_local.wire.ipc.messages import EngineLoad
from velocity_local.worker.engine import faults
from velocity_local.worker.engine.backend import (
    Backend,
    BackendError,
    Forward,
    SampleRow,
)
from velocity_local.worker.engine.cache import KvCache
from velocity_local.worker.engine.checks import check
from velocity_local.worker.engine.endings import Endings
from velocity_local.worker.engine.lifecycle import Lifecycle
from velocity_local.worker.engine.live import NO_SLOT, LiveSequence
from velocity_local.worker.engine.passes import STALL_TARGET_MS, Passes
from velocity_local.worker.engine.planner import Batch, Planner
from velocity_local.worker.engine.roster import Roster
from velocity_local.worker.engine.rows import row_of, spans_of
from velocity_local.worker.engine.sequence import (
    SequenceEvent,
    SequenceKey,
    SequenceSpec,
)
from velocity_local.worker.engine.speculation.speculator import Cells, Drafts, Speculator
from velocity_local.worker.engine.statecache import Kept

# Cells kept free for the answer of an admitted sequence. A longer answer goes on as long as
# there is room; after that the youngest sequence steps back into the queue.
RESERVE_TOKENS = 256


class Engine:
    """Owns every sequence of one backend. All methods belong to one thread, except `interrupt`."""

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Clock,
        reserve_tokens: int = RESERVE_TOKENS,
        stall_target_ms: float = STALL_TARGET_MS,
        speculation: Speculation = "off",
        draft: Backend | None = None,
        pass_ms: Sequence[tuple[int, float]] = (),
        state_bytes: int = 0,
        on_drop: Callable[[Kept], None] | None = None,
    ) -> None:
        """`state_bytes` may be spent on cells that left the device, and then on_drop has them."""
        self._capabilities = backend.capabilities
        assert self._capabilities.n_batch >= self._capabilities.n_seq_max
        assert self._capabilities.n_cells >= self._capabilities.n_ctx
        self._backend = backend
        self._clock = clock
        self._reserve_tokens = reserve_tokens
        self._roster = Roster()
        self._cache = KvCache(backend, state_bytes, on_drop, lambda: bool(self._roster.running))
        self._passes = Passes(backend, clock, stall_target_ms=stall_target_ms)
        self._planner = Planner(self._passes, clock)
        self._speculator = Speculator(backend, clock, speculation, draft, stall_target_ms)
        self._speculator.know(pass_ms)
        endings = Endings(backend.tokenizer.is_end)
        self._lives = Lifecycle(self._roster, self._cache, endings, clock)
        self._step_ms = 0.0

    @property
    def has_work(self) -> bool:
        return len(self._roster) > 0 or self._lives.has_events

    def adapters_in_use(self) -> set[str]:
        """Adapters by which a sequence computes, or is going to."""
        return {s.spec.adapter for s in (*self._roster.waiting, *self._roster.running)}

    def load(self) -> EngineLoad:
        n_running, n_waiting = len(self._roster.running), len(self._roster.waiting)
        return EngineLoad(n_running, n_waiting, self._cache.used_cells, self._step_ms)

    def submit(self, specs: Sequence[SequenceSpec]) -> None:
        """Queue sequences. Equal prompts share one prefill, whoever asked for them.

        What cannot run is answered in the next step, with `Broken`.
        """
        now_s, n_ctx = self._clock.monotonic_s(), self._capabilities.n_ctx
        for spec in specs:
            try:
                check(spec, self._capabilities)
            except VelocityError as error:
                self._lives.refuse(spec.key, error)
                continue
            reserve = self._reserve_tokens
            self._lives.add(LiveSequence(spec, n_ctx=n_ctx, reserve=reserve, now_s=now_s))

    @property
    def cache(self) -> KvCache:
        """What is kept of sequences, for who looks at it or adds to it between steps."""
        return self._cache

    def cancel(self, handle: int) -> None:
        """Forget all sequences of a request; no event of them follows. Unknown ones are fine."""
        self._lives.cancel(handle)

    def finish(self, key: SequenceKey) -> tuple[Usage, EngineTimings] | None:
        """End a sequence from outside (its text holds a stop). None if it has ended already."""
        return self._lives.finish(key)

    def interrupt(self, handle: int | None = None) -> None:
        """From any thread: stop a long prefill step, so that what was asked is seen soon.

        With a handle, only if that request is part of the step. The tokens of the step are
        computed again for all others in it, so of two steps in a row only one is stopped.
        """
        self._passes.interrupt(handle)

    def warm_up(self) -> None:
        """Touch all weights and learn the pace, while there is nothing to do."""
        self._passes.warm_up()

    def stop_warming(self) -> None:
        """From any thread: somebody asks for something."""
        self._passes.stop_warming()

    def step(self) -> list[SequenceEvent]:
        """Admit, plan, compute and sample once; the events in the order of each sequence."""
        started_s = self._clock.monotonic_s()
        if started_s >= self._roster.next_deadline_s:
            self._lives.expire(started_s)
        self._cache.tidy()
        self._restore_on()
        if self._roster.waiting and not self._lives.is_blocked:
            self._admit(started_s)
        batch = self._plan()
        if batch:
            self._planner.had(batch, self._roster.running)
            self._compute(batch)
            self._step_ms = (self._clock.monotonic_s() - started_s) * 1000
        return self._lives.take_events()

    def check_integrity(self) -> None:
        """Assert what must hold between steps."""
        self._roster.check_integrity()
        self._cache.check_integrity({sequence.slot for sequence in self._roster.running})
        for sequence in self._roster.waiting:
            assert sequence.slot == NO_SLOT, f"{sequence.key} waits with a slot"
        for sequence in self._roster.running:
            assert self._cache.length(sequence.slot) == sequence.n_computed
            assert sequence.n_pending > 0, f"{sequence.key} has nothing to compute"
            leader = sequence.leader
            if leader is not None:
                assert leader in self._roster.running, f"{sequence.key} follows nobody"
                assert leader.n_computed < sequence.join_length, f"{sequence.key} was forgotten"

    def _admit(self, now_s: float) -> None:
        """Give slots to waiting sequences, in the order of their turns, until one does not fit."""
        while self._roster.waiting:
            sequence = self._roster.next_waiting(now_s)
            if self._lives.has_ended(sequence):
                self._lives.begin(sequence)
                self._lives.end_if_done(sequence)
            elif self._has_sampler(sequence) and not self._fit(sequence, now_s):
                self._lives.is_blocked = True
                return

    def _fit(self, sequence: LiveSequence, now_s: float) -> bool:
        """Open the sequence, if need be in the place of less urgent ones."""
        if self._open(sequence, now_s):
            return True
        for other in self._roster.displaceable_for(sequence, self._capabilities.n_cells):
            other.n_displaced += 1
            self._lives.requeue(other)
            if self._open(sequence, now_s):
                return True
        return False

    def _has_sampler(self, sequence: LiveSequence) -> bool:
        """Make the sequence's sampler once and replay what was emitted; False if it broke."""
        if sequence.sampler is not None:
            return True
        spec = sequence.spec
        try:
            sequence.sampler = self._backend.sampler(spec.sampling, spec.prompt, spec.constraint)
        except VelocityError as error:
            self._lives.fail(sequence, error)
            return False
        for token in spec.emitted:
            sequence.sampler.accept(token)
        return True

    def _open(self, sequence: LiveSequence, now_s: float) -> bool:
        opening = self._cache.open(
            sequence.tokens,
            reserve=max(0, sequence.reserve_end - len(sequence.tokens)),
            promised=self._roster.promised_cells(),
            space=sequence.spec.adapter,
        )
        if opening is None:
            return False
        sequence.slot, sequence.n_computed = opening.slot, opening.length
        sequence.checkpoints = self._cache.checkpoints_of(sequence.n_prompt, opening)
        sequence.is_restoring = opening.has_more
        if opening.leader is None and not opening.has_more:
            self._lives.begin(sequence)
        elif opening.leader is not None:
            leader = self._roster.in_slot(opening.leader)
            sequence.follow(leader, opening.join, self._capabilities)
        self._roster.start(sequence, now_s)
        return True

    def _restore_on(self) -> None:
        """One more piece for the first that waits for saved cells."""
        for sequence in [s for s in self._roster.running if s.is_restoring][:1]:
            sequence.n_computed, sequence.is_restoring = self._cache.restore_on(sequence.slot)
            if not sequence.is_restoring:
                self._lives.begin(sequence)

    def _plan(self) -> Batch:
        while True:
            batch = self._planner.next_batch(self._roster.running, self._cache.used_cells)
            n_rows = sum(n_tokens for _, n_tokens in batch)
            if self._cache.free_cells >= n_rows or not self._lives.make_room():
                return batch

    def _compute(self, batch: Batch) -> None:
        cells = Cells(self._cache.used_cells, self._cache.free_cells)
        drafts = self._speculator.drafts(batch, self._roster.running, cells)
        spans = spans_of(batch, drafts)
        started_s = self._clock.monotonic_s()
        try:
            outcome = self._passes.run(spans, cells.used, lambda: [s.key.handle for s, _ in batch])
            if outcome is Forward.DONE:
                n_tokens = self._verify(batch, drafts) if drafts else self._sample(batch)
                ms = (self._clock.monotonic_s() - started_s) * 1000
                self._speculator.computed(len(batch), n_tokens, ms)
                return
            self._speculator.failed()
            if outcome is Forward.ABORTED:
                self._on_aborted(batch)
            elif not drafts:
                self._on_full(batch)
        except BackendError as error:
            self._break_batch(batch, faults.told(error))

    def _break_batch(self, batch: Batch, error: VelocityError) -> None:
        """Fail all that were part of a pass, those included that shared its logits."""
        sharers = [s for s in self._roster.running if s.n_pending == 0]
        for sequence in {id(s): s for s in (*(s for s, _ in batch), *sharers)}.values():
            self._lives.fail(sequence, error)

    def _verify(self, batch: Batch, drafts: Drafts) -> int:
        """Sample along the guesses, and let go of what was guessed wrong; the number of tokens."""
        for (sequence, _), draft in zip(batch, drafts, strict=True):
            self._cache.grow(sequence.slot, 1 + len(draft))
            sequence.n_computed += 1
            sequence.n_drafted += len(draft)
        runs = self._backend.verify([row_of(s, index) for index, (s, _) in enumerate(batch)])
        for (sequence, _), run in zip(batch, runs, strict=True):
            sequence.n_computed += len(run) - 1
            sequence.n_accepted += len(run) - 1
            self._cache.cut(sequence.slot, sequence.n_computed)
            for outcome in run:
                self._lives.take(sequence, outcome, is_last=outcome is run[-1])
        return sum(map(len, runs))

    def _sample(self, batch: Batch) -> int:
        owners: list[LiveSequence] = []
        rows: list[SampleRow] = []
        for index, (sequence, n_tokens) in enumerate(batch):
            self._cache.grow(sequence.slot, n_tokens)
            sequence.n_computed += n_tokens
            if sequence.n_computed in sequence.checkpoints:
                self._cache.checkpoint(sequence.slot, sequence.tokens)
            if sequence.n_computed == len(sequence.tokens):
                owners.append(sequence)
                rows.append(row_of(sequence, index))
        if len(self._roster.running) > len(batch):
            self._join_followers(owners, rows)
        for sequence, outcome in zip(owners, self._backend.sample(rows), strict=True):
            self._lives.take(sequence, outcome)
        return len(owners)

    def _join_followers(self, owners: list[LiveSequence], rows: list[SampleRow]) -> None:
        """Copy prefixes to those who waited for them; a whole prompt shares its logits too."""
        for follower in [s for s in self._roster.running if s.leader is not None]:
            leader = follower.leader
            if leader is None or leader.n_computed < follower.join_length:
                continue
            if not self._cache.can_join(follower.join_length):
                self._lives.requeue(follower)
                continue
            self._cache.join(leader.slot, follower.slot, follower.join_length)
            follower.n_computed = follower.join_length
            follower.leader = None
            self._lives.begin(follower)
            if follower.n_pending == 0:
                rows.append(row_of(follower, rows[owners.index(leader)].span))
                owners.append(follower)

    def _on_full(self, batch: Batch) -> None:
        """The library found no room where the ledger did: make some, else give up on one."""
        if not self._lives.make_room():
            self._lives.fail(batch[-1][0], OutOfMemory("the KV cache is full; ask for less"))

    def _on_aborted(self, batch: Batch) -> None:
        """Parts of the batch may have been computed; their logits are lost."""
        for sequence, _ in batch:
            sequence.n_computed = self._cache.resync(sequence.slot, len(sequence.tokens) - 1)
        self._join_followers([], [])
