"""Sampling parameters to native chains, in the order of llama.cpp's server.

    logit bias, penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, dist

A neutral parameter adds no sampler. Temperature 0 selects the most likely token, after bias,
penalties and DRY. Mirostat replaces everything from top-n-sigma on but the temperature; in
llama.cpp (common/sampling.cpp) it also drops penalties and DRY, which here go on if asked for.

Replaying a token leaves a chain as if it had sampled that token itself: `dist` draws once per
token, whatever the candidates (llama-sampler.cpp), and XTC, which would draw only for two or
more candidates, gets its coin from the seed and the token's position instead. Mirostat's `mu`
depends on the probabilities of what was sampled and cannot be replayed: its state starts anew.
"""

import secrets
from collections.abc import Sequence

import numpy as np

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp import native
from velocity_local.worker.backends.llama_cpp import native_sampling as chains
from velocity_local.worker.backends.llama_cpp.chain_samplers import (
    GreedySampler,
    NativeSampler,
    XtcSampler,
)
from velocity_local.worker.backends.llama_cpp.constrained import ConstrainedSampler
from velocity_local.worker.backends.llama_cpp.native_sampling import SamplerHandle
from velocity_local.worker.engine.constraint import Constraint

AnySampler = NativeSampler | ConstrainedSampler

_MIN_KEEP = 0
_MIROSTAT_M = 100
_MAX_DRY_RULES = 8


class SamplerFactory:
    """Makes the samplers of one model, and keeps what is costly to make again."""

    def __init__(self, vocab: int, *, n_vocab: int, n_ctx: int) -> None:
        self._vocab = vocab
        self._n_vocab = n_vocab
        self._n_ctx = n_ctx
        self._suppressed = [(token, -np.inf) for token in native.suppressed_tokens(vocab)]
        # A look at every token, 70 ms for 152 k: while the model loads, not before a first token
        ends = [token for token in range(n_vocab) if native.is_end(vocab, token)]
        self._ends = [(token, -np.inf) for token in ends]
        self._dry: dict[chains.DryRule, SamplerHandle] = {}

    def make(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> AnySampler:
        """A chain for `params` that has seen as much of the prompt as its penalties look at.

        Raises:
            InvalidRequest: if a biased token is not in the vocabulary.
        """
        seed = _native_seed(params.seed)
        biases = self._biases(params)
        head, memory = self._head(params, biases)
        sampler = self._choose(params, seed, head, memory=memory)
        sampler.remembers = memory > 0
        for token in prompt[len(prompt) - min(memory, len(prompt)) :]:
            sampler.tell(token)
        if constraint is None:
            return sampler
        return ConstrainedSampler(sampler, constraint, seed=seed, n_vocab=self._n_vocab)

    def _choose(
        self,
        params: SamplingParams,
        seed: int,
        head: list[SamplerHandle],
        *,
        memory: int,
    ) -> NativeSampler:
        """The quickest sampler that does what the parameters say."""
        if params.temperature == 0 and not head:
            return GreedySampler(n_vocab=self._n_vocab)
        if params.mirostat and params.temperature > 0:
            return NativeSampler(head, self._mirostat(params, seed), draws=False)
        if params.temperature > 0 and params.xtc_probability > 0 and params.xtc_threshold <= 0.5:
            return self._xtc(params, seed, head)
        if params.temperature == 0:
            sampler = NativeSampler(head, [chains.greedy()], draws=False)
        else:
            tail = [*_filters(params), *_temperature(params), chains.distribution(seed)]
            sampler = NativeSampler(head, tail, draws=True)
        sampler.is_heavy = memory > 0 or (params.temperature > 0 and params.top_k == 0)
        sampler.is_greedy = params.temperature == 0
        return sampler

    def _xtc(self, params: SamplingParams, seed: int, head: list[SamplerHandle]) -> XtcSampler:
        """XTC that always acts: its coin is ours."""
        return XtcSampler(
            [*head, *_filters(params)],
            chains.xtc(1.0, params.xtc_threshold, _MIN_KEEP, 0),
            [*_temperature(params), chains.distribution(seed)],
            probability=params.xtc_probability,
            seed=seed,
            n_vocab=self._n_vocab,
        )

    def close(self) -> None:
        for handle in self._dry.values():
            chains.free_sampler(handle)
        self._dry.clear()

    def _head(
        self, params: SamplingParams, biases: dict[int, float]
    ) -> tuple[list[SamplerHandle], int]:
        """The samplers that change logits, and how many past tokens they look at."""
        head: list[SamplerHandle] = []
        memory = 0
        if biases:
            head.append(chains.logit_bias(self._n_vocab, list(biases.items())))
        last_n = self._last_n(params.repeat_last_n)
        penalties = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
        if last_n and penalties != (1.0, 0.0, 0.0):
            head.append(chains.penalties(self._n_vocab, last_n, *penalties))
            memory = last_n
        last_n = self._last_n(params.dry_penalty_last_n)
        if last_n and params.dry_multiplier:
            head.append(self._dry_sampler(params, last_n))
            memory = max(memory, last_n)
        return head, memory

    def _last_n(self, last_n: int) -> int:
        return self._n_ctx if last_n < 0 else min(last_n, self._n_ctx)

    def _biases(self, params: SamplingParams) -> dict[int, float]:
        """Added up by token: of several for one, the library may apply only the first."""
        for token, _ in params.logit_bias:
            if not 0 <= token < self._n_vocab:
                raise InvalidRequest(
                    f"logit_bias names token {token}; ids are from 0 to {self._n_vocab - 1}",
                    param="logit_bias",
                )
        ends = self._ends if params.ignore_eos else []
        biases: dict[int, float] = {}
        for token, bias in (*params.logit_bias, *self._suppressed, *ends):
            biases[token] = biases.get(token, 0.0) + bias
        return biases

    def _dry_sampler(self, params: SamplingParams, last_n: int) -> SamplerHandle:
        """A clone of a prototype: finding the breakers' tokens takes a walk over the vocabulary."""
        rule = chains.DryRule(
            multiplier=params.dry_multiplier,
            base=params.dry_base,
            allowed_length=params.dry_allowed_length,
            last_n=last_n,
            breakers=params.dry_sequence_breakers,
        )
        if rule not in self._dry:
            if len(self._dry) >= _MAX_DRY_RULES:
                chains.free_sampler(self._dry.pop(next(iter(self._dry))))
            self._dry[rule] = chains.dry(self._vocab, rule)
        return chains.clone_sampler(self._dry[rule])

    def _mirostat(self, params: SamplingParams, seed: int) -> tuple[SamplerHandle, SamplerHandle]:
        tau, eta = params.mirostat_tau, params.mirostat_eta
        temperature = chains.temperature(params.temperature)
        if params.mirostat == 1:
            return temperature, chains.mirostat(self._n_vocab, seed, tau, eta, _MIROSTAT_M)
        return temperature, chains.mirostat_v2(seed, tau, eta)


def _filters(params: SamplingParams) -> list[SamplerHandle]:
    filters: list[SamplerHandle] = []
    if params.top_n_sigma > 0:
        filters.append(chains.top_n_sigma(params.top_n_sigma))
    if params.top_k > 0:
        filters.append(chains.top_k(params.top_k))
    if params.typical_p < 1:
        filters.append(chains.typical(params.typical_p, _MIN_KEEP))
    if params.top_p < 1:
        filters.append(chains.top_p(params.top_p, _MIN_KEEP))
    if params.min_p > 0:
        filters.append(chains.min_p(params.min_p, _MIN_KEEP))
    return filters


def _temperature(params: SamplingParams) -> list[SamplerHandle]:
    if params.dynatemp_range > 0:
        spread, exponent = params.dynatemp_range, params.dynatemp_exponent
        return [chains.dynamic_temperature(params.temperature, spread, exponent)]
    return [] if params.temperature == 1 else [chains.temperature(params.temperature)]


def _native_seed(seed: int | None) -> int:
    """A seed for the library, which takes one value for `choose yourself`."""
    chosen = secrets.randbits(32) if seed is None else seed
    return chosen if chosen != chains.RANDOM_SEED else chosen - 1
