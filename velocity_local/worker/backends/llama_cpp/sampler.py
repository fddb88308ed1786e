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
from velocity_local.worker.backends.llama_cpp.native_sampling import SamplerHandle

_MIN_KEEP = 0
_MIROSTAT_M = 100
_MAX_DRY_RULES = 8
_U64 = 2**64 - 1


class SamplerFactory:
    """Makes the samplers of one model, and keeps what is costly to make again."""

    def __init__(self, vocab: int, *, n_vocab: int, n_ctx: int) -> None:
        self._vocab = vocab
        self._n_vocab = n_vocab
        self._n_ctx = n_ctx
        self._suppressed = [(token, -np.inf) for token in native.suppressed_tokens(vocab)]
        self._end_biases: list[tuple[int, float]] | None = None
        self._dry: dict[chains.DryRule, SamplerHandle] = {}

    def make(self, params: SamplingParams, prompt: Sequence[int]) -> "NativeSampler":
        """A chain for `params` that has seen as much of the prompt as its penalties look at.

        Raises:
            InvalidRequest: if a biased token is not in the vocabulary.
        """
        seed = _native_seed(params.seed)
        head, memory = self._head(params)
        if params.temperature == 0:
            sampler: NativeSampler = GreedySampler(head, n_vocab=self._n_vocab)
        elif params.mirostat:
            sampler = NativeSampler(head, self._mirostat(params, seed), draws=False)
        elif params.xtc_probability > 0 and params.xtc_threshold <= 0.5:
            sampler = XtcSampler(
                [*head, *_filters(params)],
                _xtc(params),
                [*_temperature(params), chains.distribution(seed)],
                probability=params.xtc_probability,
                seed=seed,
                n_vocab=self._n_vocab,
            )
        else:
            tail = [*_filters(params), *_temperature(params), chains.distribution(seed)]
            sampler = NativeSampler(head, tail, draws=True)
        cuts_early = params.top_k > 0 and params.mirostat == 0 and memory == 0
        sampler.is_heavy = not cuts_early and not sampler.is_bare
        for token in prompt[len(prompt) - min(memory, len(prompt)) :]:
            sampler.tell(token)
        return sampler

    def close(self) -> None:
        for handle in self._dry.values():
            chains.free_sampler(handle)
        self._dry.clear()

    def _head(self, params: SamplingParams) -> tuple[list[SamplerHandle], int]:
        """The samplers that change logits, and how many past tokens they look at."""
        head: list[SamplerHandle] = []
        memory = 0
        biases = self._biases(params)
        if biases:
            head.append(chains.logit_bias(self._n_vocab, biases))
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

    def _biases(self, params: SamplingParams) -> list[tuple[int, float]]:
        for token, _ in params.logit_bias:
            if not 0 <= token < self._n_vocab:
                raise InvalidRequest(
                    f"logit_bias names token {token}; ids are from 0 to {self._n_vocab - 1}",
                    param="logit_bias",
                )
        ends = self._ends() if params.ignore_eos else []
        return [*params.logit_bias, *self._suppressed, *ends]

    def _ends(self) -> list[tuple[int, float]]:
        if self._end_biases is None:
            tokens = range(self._n_vocab)
            self._end_biases = [(t, -np.inf) for t in tokens if native.is_end(self._vocab, t)]
        return self._end_biases

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


class NativeSampler:
    """A whole chain in the library. Its last sampler `draws` once per token, to be replayed.

    It is heavy unless something early in the chain cuts the vocabulary down.
    """

    is_heavy = True
    is_bare = False

    def __init__(
        self, head: Sequence[SamplerHandle], tail: Sequence[SamplerHandle], *, draws: bool
    ) -> None:
        self._chain = chains.Chain([*head, *tail])
        self._last = tail[-1]
        self._draws = draws
        self._dummy: chains.Candidates | None = None

    def sample(self, context: int, row: int) -> int:
        """Sample from a row that has logits, and accept."""
        return self._chain.sample(context, row)

    def tell(self, token: int) -> None:
        """Show the penalties a token that was not sampled."""
        self._chain.accept(token)

    def accept(self, token: int) -> None:
        self._chain.accept(token)
        if self._draws:
            self._dummy = self._dummy or chains.Candidates(2)
            chains.apply_sampler(self._last, self._dummy)

    def close(self) -> None:
        self._chain.free()


class GreedySampler(NativeSampler):
    """The most likely token. With nothing to change the logits, numpy finds it sooner."""

    def __init__(self, head: Sequence[SamplerHandle], *, n_vocab: int) -> None:
        super().__init__(head, [chains.greedy()], draws=False)
        self.is_bare = not head
        self._n_vocab = n_vocab

    def sample(self, context: int, row: int) -> int:
        if self.is_bare:
            return int(native.logits(context, row, self._n_vocab).argmax())
        return super().sample(context, row)


class XtcSampler(NativeSampler):
    """A chain in three parts: the middle one, XTC, acts if the coin of this position says so."""

    def __init__(
        self,
        head: Sequence[SamplerHandle],
        middle: SamplerHandle,
        tail: Sequence[SamplerHandle],
        *,
        probability: float,
        seed: int,
        n_vocab: int,
    ) -> None:
        super().__init__(tail[:-1], tail[-1:], draws=True)
        self._before = chains.Chain(head)
        self._xtc = chains.Chain([middle])
        self._probability = probability
        self._seed = seed
        self._n_vocab = n_vocab
        self._position = 0
        self._candidates = chains.Candidates(n_vocab)

    def sample(self, context: int, row: int) -> int:
        candidates = self._candidates
        candidates.fill(native.logits(context, row, self._n_vocab))
        self._before.apply(candidates)
        if _coin(self._seed, self._position) < self._probability:
            self._xtc.apply(candidates)
        self._chain.apply(candidates)
        self._position += 1
        self._before.accept(candidates.selected)
        return candidates.selected

    def tell(self, token: int) -> None:
        self._before.accept(token)

    def accept(self, token: int) -> None:
        self._before.accept(token)
        super().accept(token)
        self._position += 1

    def close(self) -> None:
        super().close()
        self._before.free()
        self._xtc.free()


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


def _xtc(params: SamplingParams) -> SamplerHandle:
    """XTC that always acts: its coin is ours."""
    return chains.xtc(1.0, params.xtc_threshold, _MIN_KEEP, 0)


def _temperature(params: SamplingParams) -> list[SamplerHandle]:
    if params.dynatemp_range > 0:
        spread, exponent = params.dynatemp_range, params.dynatemp_exponent
        return [chains.dynamic_temperature(params.temperature, spread, exponent)]
    return [] if params.temperature == 1 else [chains.temperature(params.temperature)]


def _native_seed(seed: int | None) -> int:
    """A seed for the library, which takes one value for `choose yourself`."""
    chosen = secrets.randbits(32) if seed is None else seed
    return chosen if chosen != chains.RANDOM_SEED else chosen - 1


def _coin(seed: int, position: int) -> float:
    """A number in [0, 1) that seed and position decide (SplitMix64, Steele et al. 2014)."""
    z = (seed + (position + 1) * 0x9E3779B97F4A7C15) & _U64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _U64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _U64
    return (z ^ (z >> 31)) / 2**64
