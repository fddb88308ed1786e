"""Guesses what running sequences say next, where checking several tokens at once pays.

A draft is checked in the pass that would have computed one token; what comes out is what would
have come without it, only sooner or later. Whether sooner is decided for each pass from what
passes take, what guesses have come true, and what guessing has cost so far.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.core.clock import Clock
from velocity_local.core.models import Speculation
from velocity_local.worker.engine.backend import Backend
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.speculation.acceptance import Acceptance
from velocity_local.worker.engine.speculation.allowance import Allowance
from velocity_local.worker.engine.speculation.choice import (
    KEPT_GAIN,
    MIN_GAIN,
    Plan,
    Relative,
    best,
)
from velocity_local.worker.engine.speculation.costs import PassCosts
from velocity_local.worker.engine.speculation.drafter import Drafter
from velocity_local.worker.engine.speculation.guesser import DraftModel
from velocity_local.worker.engine.speculation.guesses import Guesses
from velocity_local.worker.engine.speculation.model_guesses import ModelGuesses

Batch = Sequence[tuple[LiveSequence, int]]
Drafts = list[list[int]]

LONGEST_DRAFT = 31
# Guesses of a pass that makes them without asking what they cost
FORCED_DRAFT = 7
FORCED_MODEL_DRAFT = 4
# Guesses that were found not to pay are not thought about again for so many passes.
_REFUSED_FOR_PASSES = 16
# Somebody new may come while a pass for one stream runs.
ALONE_LIMIT_MS = 2000.0


class Cells(NamedTuple):
    """Cells of the cache that are in use, and those that a pass may fill."""

    used: int
    free: int


class Speculator:
    """Decides on drafts before a pass, and learns from how it went.

    Only as far as a model's sequences can be cut again: wrong guesses must leave the cache.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        mode: Speculation,
        draft: Backend | None,
        stall_target_ms: float,
    ) -> None:
        """`draft` is a smaller model of the same vocabulary, to be used by nobody else."""
        capabilities = backend.capabilities
        self._longest = min(LONGEST_DRAFT, capabilities.most_guesses)
        self._mode: Speculation = mode if self._longest else "off"
        self._clock = clock
        self._n_vocab = capabilities.n_vocab
        self._most_rows = min(capabilities.n_batch, capabilities.n_logits)
        self._stall_target_ms = stall_target_ms
        self._is_end = functools.cache(backend.tokenizer.is_end)
        self._costs = PassCosts()
        self._acceptance = Acceptance()
        self._allowance = Allowance()
        guessers = (
            ("draft", None if draft is None else DraftModel(draft)),
            ("heads", backend.heads),
        )
        self._models = [
            ModelGuesses(name, Drafter(guesser, clock))
            for name, guesser in guessers
            if guesser is not None
        ]
        self._plan: Plan | None = None
        self._draft_ms = 0.0
        self._is_decoding = False
        self._rests = False
        self._n_used = 0
        self._n_drafted = 0
        self._refused: list[int] = []
        self._n_refusals = 0

    def know(self, pass_ms: Sequence[tuple[int, float]]) -> None:
        """What passes of so many rows were measured to take here: it need not be tried."""
        self._costs.know(pass_ms)

    def drafts(self, batch: Batch, running: Sequence[LiveSequence], cells: Cells) -> Drafts:
        """A draft for each sequence of the pass, some of them empty; [] if there is none."""
        before, self._plan = self._plan, None
        rests, self._rests = self._rests, False
        self._n_drafted, self._n_used, self._draft_ms = 0, cells.used, 0.0
        self._is_decoding = self._mode != "off" and _is_decoding(batch, running)
        if not self._is_decoding or rests:
            return []
        sequences = [sequence for sequence, _ in batch]
        n_rows_max = min(self._most_rows, cells.free)
        threshold = MIN_GAIN if before is None else KEPT_GAIN
        looked_up = self._lookup_plan(sequences, n_rows_max, threshold)
        modelled = self._model_plan(sequences, n_rows_max, threshold)
        drafts: Drafts = []
        if modelled is not None and (looked_up is None or modelled[1].value > looked_up.value):
            self._plan, drafts = modelled[1], self._by_model(*modelled, sequences)
        elif looked_up is not None:
            self._plan, drafts = looked_up, self._by_lookup(sequences, looked_up)
        self._n_drafted = sum(map(len, drafts))
        if self._n_drafted:
            return drafts
        self._plan = None
        return []

    def computed(self, n_sequences: int, n_tokens: int, ms: float) -> None:
        """The pass that was asked about has been made, and gave so many tokens."""
        if self._is_decoding:
            for model in self._models:
                model.computed()
        if self._mode != "auto" or not self._is_decoding or ms <= 0:
            return
        n_used = self._n_used
        self._costs.observe(n_sequences + self._n_drafted, n_used, ms)
        if self._plan is None:
            self._allowance.plain()
            return
        base_ms = self._costs.ms(n_sequences, n_used)
        cost = self._plan.cost if base_ms is None else (ms + self._draft_ms) / base_ms - 1
        gain = n_tokens / n_sequences - 1
        self._allowance.guessed(gain, cost, is_probe=self._plan.is_probe)

    def failed(self) -> None:
        """The pass could not be made; the next one goes without guesses."""
        self._plan = None
        self._rests = True
        for model in self._models:
            model.failed()

    def _was_refused(self, levels: list[int]) -> bool:
        """Whether there were guesses of just this kind a moment ago, and it did not pay."""
        self._n_refusals += 1
        return levels == self._refused and self._n_refusals < _REFUSED_FOR_PASSES

    def _guesses(self, sequence: LiveSequence) -> Guesses:
        if sequence.guesses is None:
            n_before = sequence.n_prompt + len(sequence.spec.emitted)
            sequence.guesses = Guesses(sequence.tokens, n_before, self._acceptance)
        return sequence.guesses

    def _lookup_plan(
        self, sequences: Sequence[LiveSequence], n_rows_max: int, threshold: float
    ) -> Plan | None:
        levels = [self._guesses(sequence).level() for sequence in sequences]
        if not any(levels) or self._was_refused(levels):
            return None
        chances = [
            self._guesses(sequence).chances(min(_room(sequence), self._longest))
            for sequence in sequences
        ]
        if self._mode == "on":
            return _forced(chances, n_rows_max)
        plan = self._best(chances, n_rows_max, threshold)
        if plan is None:
            self._refused, self._n_refusals = levels, 0
        return plan

    def _best(self, chances: list[list[float]], n_rows_max: int, threshold: float) -> Plan | None:
        n_sequences = len(chances)
        base_ms = self._costs.ms(n_sequences, self._n_used)
        if base_ms is None:
            return None
        plan = best(
            chances,
            self._relative_to(n_sequences),
            n_rows_max=n_rows_max,
            longest=self._longest_ms(n_sequences) / base_ms,
            threshold=threshold,
            probe_cost=self._allowance.for_probes,
        )
        return self._if_allowed(plan)

    def _longest_ms(self, n_sequences: int) -> float:
        """One stream may take its time for itself; others are not to wait for its guesses."""
        return ALONE_LIMIT_MS if n_sequences == 1 else self._stall_target_ms

    def _model_plan(
        self, sequences: Sequence[LiveSequence], n_rows_max: int, threshold: float
    ) -> tuple[ModelGuesses, Plan] | None:
        """The best plan by guesses that are computed, and whose they are."""
        if not self._models:
            return None
        n_sequences = len(sequences)
        n_most = min(n_rows_max // n_sequences - 1, max(map(_room, sequences)), self._longest)
        usable = [model for model in self._models if n_most > 0 and model.is_usable(sequences)]
        if self._mode == "on":
            forced = Plan([min(n_most, FORCED_MODEL_DRAFT)] * n_sequences, 0.0, 0.0)
            return (usable[0], forced) if usable else None
        base_ms = self._costs.ms(n_sequences, self._n_used)
        if base_ms is None:
            return None
        plans = []
        for model in usable:
            plan = model.plan(
                sequences,
                self._relative_to(n_sequences),
                n_most=n_most,
                longest=self._longest_ms(n_sequences) / base_ms,
                base_ms=base_ms,
                threshold=threshold,
                probe_cost=self._allowance.for_probes,
            )
            plan = self._if_allowed(plan)
            if plan is not None:
                plans.append((model, plan))
        return max(plans, key=lambda pair: pair[1].value, default=None)

    def _relative_to(self, n_sequences: int) -> Relative:
        return lambda n_rows: self._costs.relative(n_rows, n_sequences, self._n_used)

    def _if_allowed(self, plan: Plan | None) -> Plan | None:
        if plan is None or plan.is_probe or self._allowance.may_risk(plan.cost):
            return plan
        return None

    def _by_lookup(self, sequences: Sequence[LiveSequence], plan: Plan) -> Drafts:
        pairs = zip(sequences, plan.counts, strict=True)
        return [
            self._usable(sequence, self._guesses(sequence).lookup.draft(n_tokens))
            for sequence, n_tokens in pairs
        ]

    def _by_model(
        self, model: ModelGuesses, plan: Plan, sequences: Sequence[LiveSequence]
    ) -> Drafts:
        started_s = self._clock.monotonic_s()
        found = model.drafts(sequences, plan.counts)
        pairs = zip(sequences, found, strict=True)
        drafts = [self._usable(sequence, draft) for sequence, draft in pairs]
        self._draft_ms = (self._clock.monotonic_s() - started_s) * 1000
        base_ms = self._costs.ms(len(sequences), self._n_used)
        if base_ms and not any(drafts):
            self._allowance.guessed(0.0, self._draft_ms / base_ms, is_probe=False)
        return drafts

    def _usable(self, sequence: LiveSequence, draft: list[int]) -> list[int]:
        """Guesses up to where the answer would end."""
        draft = draft[: max(0, _room(sequence))]
        unusable = (i for i, t in enumerate(draft) if t >= self._n_vocab or self._is_end(t))
        return draft[: next(unusable, len(draft))]


def _room(sequence: LiveSequence) -> int:
    """How many guesses there is room for: one token comes in any case."""
    return sequence.end_length - len(sequence.tokens) - 1


def _is_decoding(batch: Batch, running: Sequence[LiveSequence]) -> bool:
    """All have one token to compute, which nobody else's prompt waits for."""
    return all(s.n_pending == 1 for s, _ in batch) and not any(s.leader for s in running)


def _forced(chances: list[list[float]], n_rows_max: int) -> Plan | None:
    counts: list[int] = []
    n_free = max(0, n_rows_max - len(chances))
    for row in chances:
        counts.append(min(len(row), FORCED_DRAFT, n_free))
        n_free -= counts[-1]
    return Plan(counts, 0.0, 0.0) if any(counts) else None
