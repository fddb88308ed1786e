"""Whether a draft model's guesses pay, and how many: the same choice as for guesses that are free.

Heads of a model's own are such a model too.

Of a draft's tokens the first is told from the second and third, those from the next four, and so
on: that is what `Acceptance` calls the length of a match.
"""

from collections.abc import Sequence

from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.speculation.acceptance import N_LEVELS, Acceptance
from velocity_local.worker.engine.speculation.choice import PROBED_ROWS, Plan, Relative
from velocity_local.worker.engine.speculation.drafter import Drafter

LENGTHS = (1, 2, 3, 4, 5, 7, 11, 15)
# Models that draft for another are chosen for guessing well; it is not long before that is known.
_PRIOR = (0.6,) * N_LEVELS
# A text is not read for fewer tokens than a quarter of it.
_READ_FOR_EACH = 4
# What guesses were worth is half forgotten after so many passes without: then they are tried again.
_FORGOTTEN_AFTER_PASSES = 1000
# A small model's pass before one was measured, in passes of the large one, at the worst
_UNKNOWN_PASS = 0.4


class ModelGuesses:
    """Plans with a `Drafter`, and learns what came of it.

    By its `name` a sequence knows how often guesses of just this kind came true.
    """

    def __init__(self, name: str, drafter: Drafter) -> None:
        self._name = name
        self._drafter = drafter
        self._acceptance = Acceptance(prior=_PRIOR)
        self._made: list[tuple[LiveSequence, int, int]] = []
        self._n_plain = 0

    def is_usable(self, sequences: Sequence[LiveSequence]) -> bool:
        """False for texts that it cannot read or not hold, or once its library has failed."""
        longest = max(len(sequence.tokens) for sequence in sequences)
        if self._drafter.is_broken or longest + LENGTHS[-1] > self._drafter.n_ctx:
            return False
        return all(self._drafter.can_read(sequence) for sequence in sequences)

    def plan(
        self,
        sequences: Sequence[LiveSequence],
        relative: Relative,
        *,
        n_most: int,
        longest: float,
        base_ms: float,
        threshold: float,
        probe_cost: float,
    ) -> Plan | None:
        """As many guesses for each sequence, `n_most` at most; None if going without is better.

        No step costs more than `longest` passes.
        """
        if not self._is_readable(sequences):
            return None
        chances = [self._rates_of(sequence).chances(1, n_most) for sequence in sequences]
        each = self._drafter.pass_ms / base_ms
        found, bound, highest = None, threshold, 1.0
        for length in LENGTHS:
            if length > max(map(len, chances)):
                break
            counts = [min(length, len(row)) for row in chances]
            n_rows = len(sequences) + sum(counts)
            cost = relative(n_rows)
            is_probe = cost is None or not each
            known = (cost or 1 + length) + length * (each or _UNKNOWN_PASS)
            is_dear = known - 1 > probe_cost or n_rows not in PROBED_ROWS
            if known > longest or (is_probe and is_dear):
                continue
            highest = max(highest, cost or 0.0)
            gain = sum(sum(row[:length]) for row in chances) / len(sequences)
            value = (1 + gain) / (highest + length * each)
            if value > bound:
                bound = value
                found = Plan(counts, gain, known - 1, is_probe)
        return found

    def drafts(self, sequences: Sequence[LiveSequence], counts: Sequence[int]) -> list[list[int]]:
        """Guesses for each, or none yet for anybody: the small model may have much to read."""
        if not self._drafter.read(sequences):
            return [[] for _ in sequences]
        drafts = self._drafter.drafts(sequences, max(counts))
        drafts = [draft[:count] for draft, count in zip(drafts, counts, strict=True)]
        pairs = zip(sequences, drafts, strict=True)
        self._made = [(s, len(draft), s.n_accepted) for s, draft in pairs]
        return drafts

    def computed(self) -> None:
        """The pass was made: see which guesses came true."""
        if not self._made:
            self._n_plain += 1
            if self._n_plain % _FORGOTTEN_AFTER_PASSES == 0:
                self._acceptance.fade()
        for sequence, n_drafted, before in self._made:
            n_accepted = sequence.n_accepted - before
            for position in range(1, min(n_accepted + 1, n_drafted) + 1):
                self._rates_of(sequence).saw(position, position <= n_accepted)
        self._made = []

    def failed(self) -> None:
        """The pass could not be made: nothing is known of the guesses."""
        self._made = []

    def _rates_of(self, sequence: LiveSequence) -> Acceptance:
        assert sequence.guesses is not None, "guessed for before its past was looked at"
        rates = sequence.guesses.modelled.get(self._name)
        if rates is None:
            rates = sequence.guesses.modelled[self._name] = Acceptance(self._acceptance)
        return rates

    def _is_readable(self, sequences: Sequence[LiveSequence]) -> bool:
        return all(
            self._drafter.n_unread(s) <= _READ_FOR_EACH * (s.end_length - len(s.tokens))
            for s in sequences
        )
