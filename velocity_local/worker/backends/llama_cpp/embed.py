"""Pooled embeddings: many inputs in one batch, each in a sequence of its own."""

from collections.abc import Iterator, Sequence

import numpy as np

from velocity_local.worker.backends.llama_cpp import native
from velocity_local.worker.engine.backend import BackendError


class Embedder:
    """Computes embeddings with a context made for them. Decoders decode, encoders encode."""

    def __init__(self, context: int, batch: native.Batch, *, n_batch: int, n_seq_max: int) -> None:
        self._context = context
        self._batch = batch
        self._n_batch = n_batch
        self._n_seq_max = n_seq_max
        self._memory = native.Memory(context) if native.has_memory(context) else None

    def embed(self, inputs: Sequence[Sequence[int]], *, n_embd: int) -> list[bytes]:
        """One unnormalised vector per input as little-endian float32 bytes.

        Raises:
            BackendError: if an input is empty or longer than a batch.
        """
        vectors = []
        for group in _groups(inputs, n_tokens=self._n_batch, n_inputs=self._n_seq_max):
            self._compute(group)
            vectors += [
                native.pooled(self._context, i, n_embd).astype("<f4").tobytes()
                for i in range(len(group))
            ]
        return vectors

    def _compute(self, group: Sequence[Sequence[int]]) -> None:
        n_tokens = 0
        for i, tokens in enumerate(group):
            end = n_tokens + len(tokens)
            self._batch.token[n_tokens:end] = tokens
            self._batch.pos[n_tokens:end] = np.arange(len(tokens))
            self._batch.sequence[n_tokens:end] = i
            n_tokens = end
        self._batch.wants_output[:n_tokens] = 1
        if self._memory is None:
            self._batch.encode(self._context, n_tokens)
            return
        self._memory.clear()
        if self._batch.decode(self._context, n_tokens) != native.DECODE_DONE:
            raise BackendError(f"no room for {n_tokens} tokens of embeddings")


def _groups(
    inputs: Sequence[Sequence[int]], *, n_tokens: int, n_inputs: int
) -> Iterator[list[Sequence[int]]]:
    """Consecutive inputs that fit one batch together."""
    group: list[Sequence[int]] = []
    room = n_tokens
    for tokens in inputs:
        if not 0 < len(tokens) <= n_tokens:
            raise BackendError(f"an input of {len(tokens)} tokens; from 1 to {n_tokens}")
        if len(tokens) > room or len(group) == n_inputs:
            yield group
            group, room = [], n_tokens
        group.append(tokens)
        room -= len(tokens)
    if group:
        yield group
