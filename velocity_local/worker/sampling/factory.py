"""Makes the samplers of one model's sequences."""

import secrets
from collections.abc import Sequence

import numpy as np

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.constraint import Constraint
from velocity_local.worker.sampling.penalties import Dry, Piece, Repetition
from velocity_local.worker.sampling.sampler import Biases, RowSampler


class SamplerFactory:
    """`ends` are the tokens that `ignore_eos` rules out, `piece` gives DRY a token's bytes."""

    def __init__(self, *, n_vocab: int, n_ctx: int, ends: Sequence[int], piece: Piece) -> None:
        self._n_vocab = n_vocab
        self._n_ctx = n_ctx
        self._ends = ends
        self._piece = piece

    def make(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> RowSampler:
        """A sampler that has seen as much of the prompt as its penalties look at.

        Raises:
            InvalidRequest: if a biased token is not in the vocabulary.
        """
        memories, last_n = self._memories(params)
        sampler = RowSampler(
            params,
            seed=secrets.randbits(32) if params.seed is None else params.seed,
            biases=self._biases(params),
            memories=memories,
            constraint=constraint,
        )
        for token in prompt[len(prompt) - min(last_n, len(prompt)) :]:
            sampler.tell(token)
        return sampler

    def _biases(self, params: SamplingParams) -> Biases | None:
        """Added up by token."""
        biases: dict[int, float] = {}
        for token, bias in params.logit_bias:
            if not 0 <= token < self._n_vocab:
                raise InvalidRequest(
                    f"logit_bias names token {token}; ids are from 0 to {self._n_vocab - 1}",
                    param="logit_bias",
                )
            biases[token] = biases.get(token, 0.0) + bias
        if params.ignore_eos:
            biases |= dict.fromkeys(self._ends, float("-inf"))
        if not biases:
            return None
        tokens = np.fromiter(biases, np.int64, len(biases))
        return Biases(tokens, np.fromiter(biases.values(), np.float32, len(biases)))

    def _memories(self, params: SamplingParams) -> tuple[list[Repetition | Dry], int]:
        """What remembers tokens, and how many of the past ones it looks at."""
        memories: list[Repetition | Dry] = []
        longest = 0
        last_n = self._last_n(params.repeat_last_n)
        penalties = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
        if last_n and penalties != (1.0, 0.0, 0.0):
            memories.append(Repetition(params, last_n))
            longest = last_n
        last_n = self._last_n(params.dry_penalty_last_n)
        if last_n and params.dry_multiplier:
            memories.append(Dry(params, last_n, self._piece))
            longest = max(longest, last_n)
        return memories, longest

    def _last_n(self, last_n: int) -> int:
        return self._n_ctx if last_n < 0 else min(last_n, self._n_ctx)
