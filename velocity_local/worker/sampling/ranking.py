"""The likeliest tokens of a row of logits, found without sorting the vocabulary."""

import numpy as np

from velocity_local.worker.sampling.rows import FloatRow

# Long registers of maxima, and few enough of them to partition quickly; measured best of 64 to 2048
_GROUPS = 1024


def top_tokens(logits: FloatRow, k: int) -> list[int]:
    """The `k` likeliest tokens, likeliest first, ties by lower id.

    The k-th largest group maximum is no larger than the k-th largest logit, so only what reaches
    it needs sorting.
    """
    k = min(k, len(logits))
    if k == 0:
        return []
    candidates = np.flatnonzero(logits >= _lower_bound(logits, k))
    order = np.argsort(-logits[candidates], kind="stable")
    return [int(token) for token in candidates[order[:k]]]


def _lower_bound(logits: FloatRow, k: int) -> float:
    """A group is every `_GROUPS`-th token: their maxima are found by whole registers."""
    n_rows = len(logits) // _GROUPS
    if n_rows == 0 or k > _GROUPS:
        return float(np.partition(logits, -k)[-k])
    maxima = logits[: n_rows * _GROUPS].reshape(n_rows, _GROUPS).max(axis=0)
    return float(np.partition(maxima, -k)[-k])
