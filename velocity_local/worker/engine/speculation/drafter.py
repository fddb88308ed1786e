"""Drafts by a smaller model of the same vocabulary, for many sequences at once.

Its cells are no cache of their own: each slot has the beginning of the sequence in the large
model's slot of that number, as far as the small model has read it, and is begun anew with the
next one. Whatever goes wrong here costs guesses, never an answer.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import (
    Backend,
    BackendError,
    Forward,
    Sampled,
    Sampler,
    SampleRow,
    Span,
)
from velocity_local.worker.engine.live import LiveSequence

_GREEDY = SamplingParams(temperature=0)
# A long text is read over many steps, so that no step is long for it.
READ_PER_STEP = 256
# So much is read along with the first guess.
READ_WITH_GUESSES = 32


class _Place(NamedTuple):
    """What a slot has read: the first `n_read` tokens of a sequence, and `guessed` ones."""

    sequence: LiveSequence
    n_read: int
    guessed: Sequence[int]


class Drafter:
    """The only user of a small model's backend. `pass_ms` is what one of its passes took lately."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._n_batch = backend.capabilities.n_batch
        self.n_ctx = backend.capabilities.n_ctx
        self._places: dict[int, _Place] = {}
        self.pass_ms = 0.0
        self.is_broken = False

    def read(self, sequences: Sequence[LiveSequence]) -> bool:
        """Read what was said, or a part of it; False as long as there is more.

        A few new tokens are left to `drafts`, which reads them in its first pass.
        """
        unread = [(self.n_unread(s), s) for s in sequences]
        most, latest = max(unread, key=itemgetter(0))
        if most <= READ_WITH_GUESSES and sum(n for n, _ in unread) <= self._n_batch:
            return True
        self._read_on(latest)
        return False

    def n_unread(self, sequence: LiveSequence) -> int:
        """How many tokens of the sequence are still to be read, the last one included."""
        return len(sequence.tokens) - self._settled(sequence)

    def drafts(self, sequences: Sequence[LiveSequence], n_tokens: int) -> list[list[int]]:
        """As many tokens for each; nothing for anybody if the model or its cells give out."""
        places = [(s, self._settled(s)) for s in sequences]
        spans = [Span(s.slot, start, s.tokens[start:], True) for s, start in places]  # noqa: FBT003 - a tuple's field
        samplers = [self._backend.sampler(_GREEDY, s.tokens) for s in sequences]
        drafts: list[list[int]] = [[] for _ in sequences]
        try:
            for _ in range(n_tokens):
                tokens = self._next(spans, samplers)
                if len(tokens) < len(spans):
                    return [[] for _ in sequences]
                for draft, token in zip(drafts, tokens, strict=True):
                    draft.append(token)
                spans = [
                    Span(s.slot, len(s.tokens) + len(draft) - 1, draft[-1:], True)  # noqa: FBT003 - as above
                    for s, draft in zip(sequences, drafts, strict=True)
                ]
        finally:
            for sampler in samplers:
                sampler.close()
        for sequence, draft in zip(sequences, drafts, strict=True):
            if draft:
                place = _Place(sequence, len(sequence.tokens), draft[:-1])
                self._places[sequence.slot] = place
        return drafts

    def _settled(self, sequence: LiveSequence) -> int:
        """How many of the sequence's tokens its slot has, everything else being dropped."""
        slot, place = sequence.slot, self._places.get(sequence.slot)
        if place is None or place.sequence is not sequence:
            self._drop(slot)
            return 0
        n_read = place.n_read
        said = sequence.tokens[n_read:]
        for token, guess in zip(said, place.guessed, strict=False):
            if token != guess:
                break
            n_read += 1
        n_read = min(n_read, len(sequence.tokens) - 1)
        has_read = self._backend.length(slot) >= n_read
        if not has_read or not self._backend.truncate(slot, n_read):
            self._drop(slot)
            return 0
        self._places[slot] = _Place(sequence, n_read, ())
        return n_read

    def _read_on(self, sequence: LiveSequence) -> None:
        start = self._settled(sequence)
        tokens = sequence.tokens[start : start + min(READ_PER_STEP, self._n_batch)]
        if self._forward([Span(sequence.slot, start, tokens, False)]):  # noqa: FBT003 - as above
            self._places[sequence.slot] = _Place(sequence, start + len(tokens), ())

    def _next(self, spans: Sequence[Span], samplers: Sequence[Sampler]) -> list[int]:
        started_s = self._clock.monotonic_s()
        if not self._forward(spans):
            return []
        rows = [SampleRow(i, sampler, None) for i, sampler in enumerate(samplers)]
        try:
            outcomes = self._backend.sample(rows)
        except BackendError:
            self.is_broken = True
            return []
        if sum(len(span.tokens) for span in spans) <= 2 * len(spans):
            self._measure((self._clock.monotonic_s() - started_s) * 1000)
        return [outcome.token for outcome in outcomes if isinstance(outcome, Sampled)]

    def _measure(self, ms: float) -> None:
        self.pass_ms = ms if not self.pass_ms else 0.8 * self.pass_ms + 0.2 * ms

    def _forward(self, spans: Sequence[Span]) -> bool:
        """Compute; False, and the slots have nothing any more, if that was not to be."""
        try:
            outcome = self._backend.forward(spans)
            if outcome is Forward.FULL and self._forget_others({span.sequence for span in spans}):
                outcome = self._backend.forward(spans)
        except BackendError:
            self.is_broken = True
            return False
        if outcome is Forward.DONE:
            return True
        for span in spans:
            self._drop(span.sequence)
        return False

    def _forget_others(self, slots: set[int]) -> bool:
        others = [slot for slot in self._places if slot not in slots]
        for slot in others:
            self._drop(slot)
        return bool(others)

    def _drop(self, slot: int) -> None:
        self._backend.clear(slot)
        self._places.pop(slot, None)
