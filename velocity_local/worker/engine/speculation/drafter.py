"""Drafts by a `Guesser`, for many sequences at once.

Its cells are no cache of their own: each slot has the beginning of the sequence in the model's
slot of that number, as far as the guesser has read it, and is begun anew with the next one.
Whatever goes wrong here costs guesses, never an answer.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.worker.engine.backend import BackendError, Forward, Guesser, Span
from velocity_local.worker.engine.live import LiveSequence

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
    """The only user of a guesser. `pass_ms` is what one of its passes took lately."""

    def __init__(self, guesser: Guesser, clock: Clock) -> None:
        self._guesser = guesser
        self._clock = clock
        self._n_batch = guesser.n_batch
        self.n_ctx = guesser.n_ctx
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

    def can_read(self, sequence: LiveSequence) -> bool:
        """Whether the sequence's last token can be read; one more pass is all that is missing."""
        earliest = self._guesser.earliest(sequence.slot)
        return earliest is not None and earliest < len(sequence.tokens)

    def n_unread(self, sequence: LiveSequence) -> int:
        """How many tokens of the sequence are still to be read, the last one included."""
        return len(sequence.tokens) - self._settled(sequence)

    def drafts(self, sequences: Sequence[LiveSequence], n_tokens: int) -> list[list[int]]:
        """As many tokens for each; nothing for anybody if the model or its cells give out."""
        places = [(s, self._settled(s)) for s in sequences]
        spans = [Span(s.slot, start, s.tokens[start:], True) for s, start in places]  # noqa: FBT003 - a tuple's field
        texts = [list(s.tokens) for s in sequences]
        for _ in range(n_tokens):
            tokens = self._next(spans, texts)
            if len(tokens) < len(spans):
                return [[] for _ in sequences]
            for text, token in zip(texts, tokens, strict=True):
                text.append(token)
            spans = [
                Span(s.slot, len(text) - 1, text[-1:], True)  # noqa: FBT003 - as above
                for s, text in zip(sequences, texts, strict=True)
            ]
        return [self._drafted(s, text) for s, text in zip(sequences, texts, strict=True)]

    def _drafted(self, sequence: LiveSequence, text: Sequence[int]) -> list[int]:
        """What was guessed, once it is noted how much of it counts as read."""
        n_said = len(sequence.tokens)
        if len(text) > n_said:
            kept = text[n_said:-1] if self._guesser.keeps_guesses else ()
            self._places[sequence.slot] = _Place(sequence, n_said, kept)
        return list(text[n_said:])

    def _settled(self, sequence: LiveSequence) -> int:
        """How many of the sequence's tokens its slot has, everything else being dropped."""
        slot, place = sequence.slot, self._places.get(sequence.slot)
        earliest = self._guesser.earliest(slot)
        assert earliest is not None, "reading what cannot be read"
        if place is None or place.sequence is not sequence:
            self._drop(slot)
            return earliest
        n_read = place.n_read
        said = sequence.tokens[n_read:]
        for token, guess in zip(said, place.guessed, strict=False):
            if token != guess:
                break
            n_read += 1
        n_read = min(n_read, len(sequence.tokens) - 1)
        has_read = self._guesser.length(slot) >= n_read >= earliest
        if not has_read or not self._guesser.truncate(slot, n_read):
            self._drop(slot)
            return earliest
        self._places[slot] = _Place(sequence, n_read, ())
        return n_read

    def _read_on(self, sequence: LiveSequence) -> None:
        start = self._settled(sequence)
        tokens = sequence.tokens[start : start + min(READ_PER_STEP, self._n_batch)]
        if self._forward([Span(sequence.slot, start, tokens, False)]):  # noqa: FBT003 - as above
            self._places[sequence.slot] = _Place(sequence, start + len(tokens), ())

    def _next(self, spans: Sequence[Span], texts: Sequence[Sequence[int]]) -> list[int]:
        started_s = self._clock.monotonic_s()
        if not self._forward(spans):
            return []
        try:
            tokens = self._guesser.guess(texts)
        except BackendError:
            self.is_broken = True
            return []
        if sum(len(span.tokens) for span in spans) <= 2 * len(spans):
            self._measure((self._clock.monotonic_s() - started_s) * 1000)
        return tokens

    def _measure(self, ms: float) -> None:
        self.pass_ms = ms if not self.pass_ms else 0.8 * self.pass_ms + 0.2 * ms

    def _forward(self, spans: Sequence[Span]) -> bool:
        """Compute; False, and the slots have nothing any more, if that was not to be."""
        try:
            outcome = self._guesser.read(spans)
            if outcome is Forward.FULL and self._forget_others({span.sequence for span in spans}):
                outcome = self._guesser.read(spans)
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
        self._guesser.clear(slot)
        self._places.pop(slot, None)
