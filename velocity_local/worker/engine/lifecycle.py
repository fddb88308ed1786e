"""How sequences come to run, stop running and end, and what is told of it."""

from velocity_local.core.clock import Clock
from velocity_local.core.errors import VelocityError
from velocity_local.core.events import EngineTimings, Usage
from velocity_local.worker.engine.backend import Sampled, Unsampled
from velocity_local.worker.engine.cache import KvCache
from velocity_local.worker.engine.endings import Endings
from velocity_local.worker.engine.live import NO_SLOT, LiveSequence
from velocity_local.worker.engine.roster import Roster
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceEvent,
    SequenceKey,
    Token,
)


class Lifecycle:
    """Keeps roster, cells and events of sequences in step with each other.

    `is_blocked` tells that whoever waits found no room, and nothing has been freed since.
    """

    def __init__(self, roster: Roster, cache: KvCache, endings: Endings, clock: Clock) -> None:
        self._roster = roster
        self._cache = cache
        self._endings = endings
        self._clock = clock
        self._events: list[SequenceEvent] = []
        self.is_blocked = False

    @property
    def has_events(self) -> bool:
        return bool(self._events)

    def take_events(self) -> list[SequenceEvent]:
        """What has happened since the last time."""
        events, self._events = self._events, []
        return events

    def add(self, sequence: LiveSequence) -> None:
        self._roster.add(sequence)
        self.is_blocked = False

    def refuse(self, key: SequenceKey, error: VelocityError) -> None:
        """Tell of a sequence that does not come to run."""
        self._events.append(Broken(key, error.info()))

    def begin(self, sequence: LiveSequence) -> None:
        """Tell, once, that a sequence has left the queue."""
        if sequence.admitted_s is None:
            sequence.admitted_s = self._clock.monotonic_s()
            sequence.n_cached = min(sequence.n_computed, sequence.n_prompt)
            self._events.append(Prefilling(sequence.key, sequence.n_prompt, sequence.n_cached))

    def take(
        self, sequence: LiveSequence, outcome: Sampled | Unsampled, *, is_last: bool = True
    ) -> None:
        """One more token; only the last of several can be an end."""
        if isinstance(outcome, Unsampled):
            self.fail(sequence, outcome.error)
            return
        if sequence.first_token_s is None:
            sequence.first_token_s = self._clock.monotonic_s()
        sequence.tokens.append(outcome.token)
        self._events.append(Token(sequence.key, outcome))
        if is_last:
            self.end_if_done(sequence)

    def has_ended(self, sequence: LiveSequence) -> bool:
        """Whether its tokens are all it was asked for."""
        return self._endings.reason(sequence) is not None

    def end_if_done(self, sequence: LiveSequence) -> None:
        reason = self._endings.reason(sequence)
        if reason is not None:
            self.leave(sequence)
            timings = sequence.timings(self._clock.monotonic_s())
            self._events.append(Ended(sequence.key, reason, sequence.usage(), timings))

    def fail(self, sequence: LiveSequence, error: VelocityError) -> None:
        """End in an error; what the sequence computed is not trusted any more."""
        self.leave(sequence, keep_cells=False)
        self.refuse(sequence.key, error)

    def expire(self, now_s: float) -> None:
        """End those whose deadline in the queue has passed."""
        for sequence, error in self._roster.take_expired(now_s):
            self.leave(sequence)
            self.refuse(sequence.key, error)

    def cancel(self, handle: int) -> None:
        """Forget all sequences of a request; no event of them follows. Unknown ones are fine."""
        self._events = [event for event in self._events if event.key.handle != handle]
        for sequence in self._roster.of_handle(handle):
            self.leave(sequence)

    def finish(self, key: SequenceKey) -> tuple[Usage, EngineTimings] | None:
        """End a sequence from outside. None if it has ended already."""
        sequence = self._roster.get(key)
        if sequence is None:
            return None
        self.leave(sequence)
        return sequence.usage(), sequence.timings(self._clock.monotonic_s())

    def make_room(self) -> bool:
        """Free cells: a resident's, else the least urgent sequence goes back to the queue."""
        if self._cache.evict_oldest():
            return True
        if len(self._roster.running) <= 1:
            return False
        self.requeue(self._roster.least_urgent())
        return True

    def leave(self, sequence: LiveSequence, *, keep_cells: bool = True) -> None:
        """Take a sequence out, whatever its state; its slot and promise are free."""
        for follower in reversed(self._roster.followers_of(sequence)):
            self.requeue(follower)
        self._roster.remove(sequence)
        if sequence.slot != NO_SLOT and keep_cells:
            self._cache.retire(sequence.slot, sequence.tokens)
        elif sequence.slot != NO_SLOT:
            self._cache.drop(sequence.slot)
        if sequence.sampler is not None:
            sequence.sampler.close()
        self.is_blocked = False

    def requeue(self, sequence: LiveSequence) -> None:
        """Back to the head of its flow: its tokens are kept, its cells leave the device."""
        for follower in reversed(self._roster.followers_of(sequence)):
            self.requeue(follower)
        self._roster.requeue(sequence, self._clock.monotonic_s())
        self._cache.park(sequence.slot, sequence.tokens)
        sequence.step_back()
        self.is_blocked = True
