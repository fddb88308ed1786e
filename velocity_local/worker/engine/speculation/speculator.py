"""Guesses what running sequences say next, where checking several tokens at once pays.

A draft is checked in the pass that would have computed one token; what comes out is what would
have come without it, only sooner or later. Whether sooner is decided for each pass from what
passes take, what guesses have come true, and what guessing has cost so far.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.core.models import Speculation
from velocity_local.worker.engine.backend import Backend, Truncation
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.speculation.acceptance import Acceptance
from velocity_local.worker.engine.speculation.allowance import Allowance
from velocity_local.worker.engine.speculation.choice import KEPT_GAIN, MIN_GAIN, Plan, best
from velocity_local.worker.engine.speculation.costs import PassCosts
from velocity_local.worker.engine.speculation.guesses import Guesses

Batch = Sequence[tuple[LiveSequence, int]]
Drafts = list[list[int]]

LONGEST_DRAFT = 31
# Guesses of a pass that makes them without asking what they cost
FORCED_DRAFT = 7
# Guesses that were found not to pay are not thought about again for so many passes.
_REFUSED_FOR_PASSES = 16
_NEVER = float("inf")


class Cells(NamedTuple):
    """Cells of the cache that are in use, and those that a pass may fill."""

    used: int
    free: int


class Speculator:
    """Decides on drafts before a pass, and learns from how it went.

    Only with models whose sequences can be cut anywhere: wrong guesses must leave the cache.
    """

    def __init__(self, backend: Backend, mode: Speculation, *, stall_target_ms: float) -> None:
        capabilities = backend.capabilities
        can_cut = capabilities.truncation is Truncation.ANYWHERE
        self._mode: Speculation = mode if can_cut else "off"
        self._most_rows = min(capabilities.n_batch, capabilities.n_logits)
        self._stall_target_ms = stall_target_ms
        self._is_end = functools.cache(backend.tokenizer.is_end)
        self._costs = PassCosts()
        self._acceptance = Acceptance()
        self._allowance = Allowance()
        self._plan: Plan | None = None
        self._is_decoding = False
        self._rests = False
        self._n_used = 0
        self._n_drafted = 0
        self._refused: list[int] = []
        self._n_refusals = 0

    def drafts(self, batch: Batch, running: Sequence[LiveSequence], cells: Cells) -> Drafts:
        """A draft for each sequence of the pass, some of them empty; [] if there is none."""
        before, self._plan = self._plan, None
        rests, self._rests = self._rests, False
        self._n_drafted, self._n_used = 0, cells.used
        self._is_decoding = self._mode != "off" and _is_decoding(batch, running)
        if not self._is_decoding or rests:
            return []
        levels = [self._guesses(sequence).level() for sequence, _ in batch]
        if not any(levels) or self._was_refused(levels):
            return []
        chances = [self._chances(sequence) for sequence, _ in batch]
        n_rows_max = min(self._most_rows, cells.free)
        if self._mode == "on":
            self._plan = _forced(chances, n_rows_max)
        else:
            threshold = MIN_GAIN if before is None else KEPT_GAIN
            self._plan = self._best(chances, n_rows_max, threshold)
        if self._plan is None:
            self._refused, self._n_refusals = levels, 0
            return []
        pairs = zip(batch, self._plan.counts, strict=True)
        drafts = [self._draft(sequence, n_tokens) for (sequence, _), n_tokens in pairs]
        self._n_drafted = sum(map(len, drafts))
        if not self._n_drafted:
            self._plan = None
            return []
        return drafts

    def computed(self, n_sequences: int, n_tokens: int, ms: float) -> None:
        """The pass that was asked about has been made, and gave so many tokens."""
        if self._mode != "auto" or not self._is_decoding or ms <= 0:
            return
        n_used = self._n_used
        self._costs.observe(n_sequences + self._n_drafted, n_used, ms)
        if self._plan is None:
            self._allowance.plain()
            return
        base_ms = self._costs.ms(n_sequences, n_used)
        cost = self._plan.cost if base_ms is None else ms / base_ms - 1
        gain = n_tokens / n_sequences - 1
        self._allowance.guessed(gain, cost, is_probe=self._plan.is_probe)

    def failed(self) -> None:
        """The pass could not be made; the next one goes without guesses."""
        self._plan = None
        self._rests = True

    def _was_refused(self, levels: list[int]) -> bool:
        """Whether there were guesses of just this kind a moment ago, and it did not pay."""
        self._n_refusals += 1
        return levels == self._refused and self._n_refusals < _REFUSED_FOR_PASSES

    def _guesses(self, sequence: LiveSequence) -> Guesses:
        if sequence.guesses is None:
            n_before = sequence.n_prompt + len(sequence.spec.emitted)
            sequence.guesses = Guesses(sequence.tokens, n_before, self._acceptance)
        return sequence.guesses

    def _chances(self, sequence: LiveSequence) -> list[float]:
        n_most = sequence.end_length - len(sequence.tokens) - 1
        return self._guesses(sequence).chances(min(n_most, LONGEST_DRAFT))

    def _best(self, chances: list[list[float]], n_rows_max: int, threshold: float) -> Plan | None:
        n_sequences, n_used = len(chances), self._n_used
        base_ms = self._costs.ms(n_sequences, n_used)
        if base_ms is None:
            return None
        # One stream may take its time for itself; others must not wait for its guesses.
        longest = _NEVER if n_sequences == 1 else self._stall_target_ms / base_ms
        plan = best(
            chances,
            lambda n_rows: self._costs.relative(n_rows, n_sequences, n_used),
            n_rows_max=n_rows_max,
            longest=longest,
            threshold=threshold,
            probe_cost=self._allowance.for_probes,
        )
        if plan is None or plan.is_probe or self._allowance.may_risk(plan.cost):
            return plan
        return None

    def _draft(self, sequence: LiveSequence, n_tokens: int) -> list[int]:
        """Guesses, but none from where the answer would end."""
        tokens = self._guesses(sequence).lookup.draft(n_tokens)
        end = next((i for i, token in enumerate(tokens) if self._is_end(token)), n_tokens)
        return tokens[:end]


def _is_decoding(batch: Batch, running: Sequence[LiveSequence]) -> bool:
    """All have one token to compute, which nobody else's prompt waits for."""
    return all(s.n_pending == 1 for s, _ in batch) and not any(s.leader for s in running)


def _forced(chances: list[list[float]], n_rows_max: int) -> Plan | None:
    counts: list[int] = []
    n_free = n_rows_max - len(chances)
    for row in chances:
        counts.append(min(len(row), FORCED_DRAFT, n_free))
        n_free -= counts[-1]
    return Plan(counts, 0.0, 0.0) if any(counts) else None
