"""The sampler of one sequence over rows of logits, in the order of llama.cpp's server.

    logit bias, penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, draw

Randomness is decided by the seed and by the token's position alone, so replaying tokens that were
sampled elsewhere leaves the same state, and no request changes another one's draws. Temperature
0 takes the likeliest token after bias and penalties. Mirostat takes the place of all from
top-n-sigma on but the temperature.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.constraint import Constraint, Unanswerable
from velocity_local.worker.sampling import filters
from velocity_local.worker.sampling.chance import coin, mixed
from velocity_local.worker.sampling.filters import Candidates
from velocity_local.worker.sampling.mirostat import Mirostat
from velocity_local.worker.sampling.penalties import Dry, Repetition
from velocity_local.worker.sampling.rows import FloatRow, IntRow, tokens_of

# Draws of one position must not know of each other: XTC's coin, the draw, and the draw among
# those that a constraint allows.
_XTC_STREAM, _DRAW_STREAM, _REDRAW_STREAM = 1, 2, 3


class Biases(NamedTuple):
    """What is added to the logits of some tokens, each of them once."""

    tokens: IntRow
    values: FloatRow


class RowSampler:
    """Implements the engine's `Sampler`; the backend gives it the row of its next token."""

    def __init__(
        self,
        params: SamplingParams,
        *,
        seed: int,
        biases: Biases | None,
        memories: Sequence[Repetition | Dry] = (),
        constraint: Constraint | None = None,
    ) -> None:
        self._params = params
        self._seed = seed
        self._biases = biases
        self._memories = memories
        self._constraint = constraint
        has_mirostat = params.mirostat and params.temperature > 0
        self._mirostat = Mirostat(params) if has_mirostat else None
        self._position = 0

    @property
    def is_complete(self) -> bool:
        return self._constraint is not None and self._constraint.is_complete

    def accept(self, token: int) -> None:
        self.tell(token)
        self._position += 1

    def tell(self, token: int) -> None:
        """Show the penalties a token that was not sampled."""
        for memory in self._memories:
            memory.tell(token)

    def close(self) -> None:
        """There is nothing to free."""

    def sample(self, row: FloatRow) -> int:
        """The next token, which is accepted.

        Raises:
            Unanswerable: if the constraint lets none follow.
        """
        logits = self._changed(row)
        token = self._drawn(_all(logits), _DRAW_STREAM)
        if self._constraint is not None and not self._constraint.accept(token):
            token = self._redrawn(logits, self._constraint)
        self.accept(token)
        return token

    def _redrawn(self, logits: FloatRow, constraint: Constraint) -> int:
        """Another token, of those that are allowed."""
        allowed = tokens_of(constraint.allowed(), len(logits))
        if len(allowed) == 0:
            raise Unanswerable(
                "this model has no token to go on with as the answer's format asks; "
                "allow more, or use another model"
            )
        token = int(allowed[0])
        if len(allowed) > 1:
            token = self._drawn(Candidates(allowed, logits[allowed]), _REDRAW_STREAM)
        if not constraint.accept(token):
            raise Unanswerable("the answer cannot go on as its format asks; simplify it")
        return token

    def _changed(self, row: FloatRow) -> FloatRow:
        if self._biases is None and not self._memories:
            return row
        logits = row.copy()
        if self._biases is not None:
            logits[self._biases.tokens] += self._biases.values
        for memory in self._memories:
            memory.apply(logits)
        return logits

    def _drawn(self, candidates: Candidates, stream: int) -> int:
        params = self._params
        if params.temperature == 0:
            return int(candidates.tokens[candidates.logits.argmax()])
        if self._mirostat is not None:
            tempered = candidates._replace(logits=candidates.logits / params.temperature)
            kept = self._mirostat.filter(tempered)
            at = self._draw(kept.logits, stream)
            self._mirostat.learn(float(filters.probabilities(kept.logits)[at]))
            return int(kept.tokens[at])
        kept = self._without_likely(_filtered(candidates, params))
        temperature = params.temperature
        if params.dynatemp_range > 0:
            temperature = filters.dynamic_temperature(
                kept, temperature, params.dynatemp_range, params.dynatemp_exponent
            )
        if temperature <= 0:
            return int(kept.tokens[kept.logits.argmax()])
        return int(kept.tokens[self._draw(kept.logits / np.float32(temperature), stream)])

    def _without_likely(self, candidates: Candidates) -> Candidates:
        params = self._params
        if params.xtc_probability <= 0 or params.xtc_threshold > 0.5:
            return candidates
        if self._chance(_XTC_STREAM) >= params.xtc_probability:
            return candidates
        return filters.without_likely(candidates, params.xtc_threshold)

    def _draw(self, logits: FloatRow, stream: int) -> int:
        """The index of one of them, each as likely as its softmax says."""
        if len(logits) == 1:
            return 0
        reached = np.cumsum(filters.probabilities(logits))
        at = np.searchsorted(reached, self._chance(stream) * reached[-1], side="right")
        return min(int(at), len(logits) - 1)

    def _chance(self, stream: int) -> float:
        return coin(mixed(self._seed, stream), self._position)


def _all(logits: FloatRow) -> Candidates:
    return Candidates(np.arange(len(logits)), logits)


def _filtered(candidates: Candidates, params: SamplingParams) -> Candidates:
    if params.top_n_sigma > 0:
        candidates = filters.top_n_sigma(candidates, params.top_n_sigma)
    if params.top_k > 0:
        candidates = filters.top_k(candidates, params.top_k)
    if params.typical_p < 1:
        candidates = filters.typical(candidates, params.typical_p)
    if params.top_p < 1:
        candidates = filters.top_p(candidates, params.top_p)
    if params.min_p > 0:
        candidates = filters.min_p(candidates, params.min_p)
    return candidates
