"""Pooled embeddings: the last hidden states of a decoder, several inputs of one length at once."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, Array, Model, mx
from velocity_local.worker.engine.backend import BackendError, Capabilities


class Embedder:
    """Computes without a cache; an input is read whole."""

    def __init__(self, model: Model, capabilities: Capabilities) -> None:
        self._model = model
        self._capabilities = capabilities

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        """One unnormalised vector per input as little-endian float32 bytes.

        Raises:
            BackendError: if an input is empty or longer than the context, or a token unknown.
        """
        if not self._capabilities.can_embed:
            raise BackendError("this model has no embeddings")
        self._check(inputs)
        vectors: dict[int, bytes] = {}
        for group in _groups(inputs, self._capabilities.n_batch):
            tokens = mx.array(np.array([inputs[i] for i in group], np.int32))
            try:
                pooled = self._pooled(self._model.model(tokens)).astype(mx.float32)
                mx.eval(pooled)
            except LIBRARY_ERRORS as error:
                raise BackendError(f"embedding failed: {error}") from error
            rows = np.array(pooled, copy=False)
            vectors |= {i: rows[row].astype("<f4").tobytes() for row, i in enumerate(group)}
        return [vectors[i] for i in range(len(inputs))]

    def _pooled(self, hidden: Array) -> Array:
        match self._capabilities.pooling:
            case "cls":
                return hidden[:, 0]
            case "last":
                return hidden[:, -1]
            case _:
                return hidden.astype(mx.float32).mean(axis=1)

    def _check(self, inputs: Sequence[Sequence[int]]) -> None:
        n_batch, n_vocab = self._capabilities.n_batch, self._capabilities.n_vocab
        for tokens in inputs:
            if not 0 < len(tokens) <= n_batch:
                raise BackendError(f"an input of {len(tokens)} tokens; from 1 to {n_batch}")
            if min(tokens) < 0 or max(tokens) >= n_vocab:
                raise BackendError("an input has a token outside the vocabulary")


def _groups(inputs: Sequence[Sequence[int]], n_batch: int) -> list[list[int]]:
    """Indices of inputs of one length, as many as fit a batch: nothing is filled up."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, tokens in enumerate(inputs):
        by_length[len(tokens)].append(i)
    found = []
    for length, indices in by_length.items():
        size = max(1, n_batch // length)
        found += [indices[at : at + size] for at in range(0, len(indices), size)]
    return found
