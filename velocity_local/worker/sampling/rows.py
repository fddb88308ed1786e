"""Rows of logits, and sets of tokens, as every backend's samplers take them."""

import numpy as np
from numpy.typing import NDArray

FloatRow = NDArray[np.float32]
IntRow = NDArray[np.int64]


def tokens_of(bits: bytes, n_vocab: int) -> IntRow:
    """The numbers of the set bits, lowest bit of the first byte first."""
    flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")
    return np.flatnonzero(flags[:n_vocab])
