"""What is left out before a token is drawn. Pure functions of candidates, in llama.cpp's terms.

Candidates are a set of tokens with their logits. Where only some of a large vocabulary can be left,
a cut that is known to hold them all is looked at instead of the whole.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from velocity_local.worker.sampling.rows import FloatRow, IntRow

Doubles = NDArray[np.float64]

# Candidates that are looked at first where a share of the probability is wanted, then as many more
_FIRST_CUT = 256
_CUT_GROWTH = 16


class Candidates(NamedTuple):
    """Tokens that may be drawn, with logits of the same order."""

    tokens: IntRow
    logits: FloatRow

    def keep(self, which: NDArray[np.bool_] | IntRow) -> "Candidates":
        return Candidates(self.tokens[which], self.logits[which])


def probabilities(logits: FloatRow) -> Doubles:
    """The softmax, in double precision."""
    weights: Doubles = np.exp((logits - logits.max()).astype(np.float64))
    shares: Doubles = weights / weights.sum()
    return shares


def top_n_sigma(candidates: Candidates, n: float) -> Candidates:
    """Logits within `n` standard deviations of the best (Tang et al. 2024)."""
    finite = candidates.logits[np.isfinite(candidates.logits)]
    limit = candidates.logits.max() - n * finite.std()
    return candidates.keep(candidates.logits >= limit)


def top_k(candidates: Candidates, k: int) -> Candidates:
    """The `k` likeliest, likeliest first."""
    return candidates.keep(_ranked(candidates.logits, k))


def top_p(candidates: Candidates, p: float) -> Candidates:
    """The likeliest that together have a share of `p`, one at least (Holtzman et al. 2020)."""
    shares = probabilities(candidates.logits)
    n_seen = _FIRST_CUT
    while True:
        order = _ranked(candidates.logits, n_seen)
        reached = np.searchsorted(np.cumsum(shares[order]), p)
        if reached < len(order) or len(order) == len(shares):
            return candidates.keep(order[: reached + 1])
        n_seen *= _CUT_GROWTH


def min_p(candidates: Candidates, p: float) -> Candidates:
    """Those with at least `p` times the share of the likeliest (Nguyen et al. 2024)."""
    limit = candidates.logits.max() + math.log(p)
    return candidates.keep(candidates.logits >= limit)


def typical(candidates: Candidates, p: float) -> Candidates:
    """Those whose surprise is nearest to the expected one, up to a share of `p` (Meister 2022)."""
    shares = probabilities(candidates.logits)
    surprise = -np.log(np.maximum(shares, np.finfo(np.float64).tiny))
    distance = np.abs(surprise - (shares * surprise).sum())
    order = np.argsort(distance, kind="stable")
    reached = np.searchsorted(np.cumsum(shares[order]), p, side="right")
    return candidates.keep(order[: reached + 1])


def without_likely(candidates: Candidates, threshold: float) -> Candidates:
    """XTC: of those with a share of `threshold` or more, only the least likely one is left."""
    shares = probabilities(candidates.logits)
    likely = np.flatnonzero(shares >= threshold)
    if len(likely) < 2:
        return candidates
    last = likely[np.argmin(shares[likely])]
    stays = shares < threshold
    stays[last] = True
    return candidates.keep(stays)


def dynamic_temperature(
    candidates: Candidates, temperature: float, spread: float, exponent: float
) -> float:
    """A temperature within `spread` of the given one, by how open the choice is."""
    if len(candidates.logits) < 2:
        return temperature
    shares = probabilities(candidates.logits)
    entropy = -(shares * np.log(np.maximum(shares, np.finfo(np.float64).tiny))).sum()
    openness = float(entropy) / math.log(len(shares))
    low, high = max(0.0, temperature - spread), temperature + spread
    return low + (high - low) * float(openness**exponent)


def _ranked(logits: FloatRow, k: int) -> IntRow:
    """The indices of the `k` highest, highest first, ties in order."""
    if k >= len(logits):
        return np.argsort(-logits, kind="stable")
    limit = np.partition(logits, -k)[-k]
    likely = np.flatnonzero(logits >= limit)
    return likely[np.argsort(-logits[likely], kind="stable")][:k]
