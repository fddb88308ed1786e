"""Mirostat: the surprise of what is said is steered to a target (Basu et al. 2021).

Its state depends on what was sampled with which probability, which replaying tokens cannot tell:
after a resume it starts anew.
"""

import math

import numpy as np

from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.sampling.filters import Candidates, Doubles, probabilities, top_k

# Tokens by which version 1 estimates how steep the distribution is
_M = 100


class Mirostat:
    """Version 1 or 2; what is kept of the candidates depends on the surprise so far."""

    def __init__(self, params: SamplingParams) -> None:
        self._version = params.mirostat
        self._tau = params.mirostat_tau
        self._eta = params.mirostat_eta
        self._mu = 2 * params.mirostat_tau

    def filter(self, candidates: Candidates) -> Candidates:
        """The candidates, likeliest first, that the target allows; one at least."""
        ranked = top_k(candidates, len(candidates.tokens))
        shares = probabilities(ranked.logits)
        n_kept = self._k(shares) if self._version == 1 else self._within(shares)
        return Candidates(ranked.tokens[:n_kept], ranked.logits[:n_kept])

    def learn(self, share: float) -> None:
        """A token of this share among those kept was taken."""
        surprise = -math.log2(max(share, np.finfo(np.float64).tiny))
        self._mu -= self._eta * (surprise - self._tau)

    def _within(self, shares: Doubles) -> int:
        surprise = -np.log2(np.maximum(shares, np.finfo(np.float64).tiny))
        return max(1, int(np.searchsorted(surprise, self._mu, side="right")))

    def _k(self, shares: Doubles) -> int:
        """How many to keep, from an estimate of Zipf's exponent."""
        head = np.maximum(shares[:_M], np.finfo(np.float64).tiny)
        if len(head) < 2:
            return 1
        ranks = np.arange(len(head) - 1)
        steps, ratios = np.log((ranks + 2) / (ranks + 1)), np.log(head[:-1] / head[1:])
        exponent = float((steps * ratios).sum() / (steps * steps).sum())
        epsilon = exponent - 1
        spread = 1 - len(shares) ** -epsilon
        if not exponent or not spread:
            return len(shares)
        wanted = epsilon * 2.0 ** min(self._mu, 1000.0) / spread
        k = wanted ** (1 / exponent) if wanted > 0 else 1.0
        return min(len(shares), max(1, round(min(k, float(len(shares))))))
