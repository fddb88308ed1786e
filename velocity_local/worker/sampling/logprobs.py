"""Log-probabilities of a row of logits: exact, over the whole vocabulary, before any sampler."""

import numpy as np

from velocity_local.worker.sampling.rows import FloatRow


def log_normalizer(logits: FloatRow) -> float:
    """log(sum(exp(logits))); a logit less this is its natural-log probability."""
    highest = logits.max()
    return float(highest) + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))
