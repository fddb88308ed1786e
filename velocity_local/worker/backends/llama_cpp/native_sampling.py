"""The library's samplers and chains, each function wrapped once; the other half of `native`.

A `SamplerHandle` is the library's pointer. It belongs to the chain it was given to, else to
the caller, who frees it.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from velocity_local.worker.backends.llama_cpp.native import pointer_to
from velocity_local.worker.backends.llama_cpp.vendor import lib
from velocity_local.worker.sampling.rows import FloatRow, IntRow

SamplerHandle = Any
# LLAMA_DEFAULT_SEED of llama.h asks for a random seed; no seed of ours may mean that
RANDOM_SEED = 0xFFFFFFFF


class DryRule(NamedTuple):
    """Parameters of a DRY sampler; `last_n` is a number of tokens, never -1."""

    multiplier: float
    base: float
    allowed_length: int
    last_n: int
    breakers: tuple[str, ...]


class Candidates:
    """A llama_token_data_array over memory of ours, for applying samplers by hand."""

    def __init__(self, size: int) -> None:
        self.rows = np.zeros(size, [("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
        self.struct = lib.llama_token_data_array()
        self.fill(0.0)

    def fill(self, logits: FloatRow | float) -> None:
        """All tokens in order, with these logits."""
        self._set(np.arange(len(self.rows)), logits)

    def fill_some(self, tokens: IntRow, logits: FloatRow) -> None:
        """These tokens only, at most as many as there is room for."""
        self._set(tokens, logits)

    def _set(self, tokens: IntRow, logits: FloatRow | float) -> None:
        size = len(tokens)
        self.rows["id"][:size] = tokens
        self.rows["logit"][:size] = logits
        self.struct.data = pointer_to(self.rows, lib.llama_token_data)
        self.struct.size = size
        self.struct.selected = -1
        self.struct.sorted = False

    @property
    def selected(self) -> int:
        assert 0 <= self.struct.selected < self.struct.size, "no sampler has selected"
        return int(self.struct.data[self.struct.selected].id)


class Chain:
    """A native sampler chain, which owns the samplers added to it."""

    def __init__(self, samplers: Sequence[SamplerHandle]) -> None:
        params = lib.llama_sampler_chain_default_params()
        params.no_perf = True
        self._handle = lib.llama_sampler_chain_init(params)
        for sampler in samplers:
            lib.llama_sampler_chain_add(self._handle, sampler)

    def sample(self, context: int, row: int) -> int:
        """Sample from a row of the last batch and accept the token.

        The row must have logits: without them the library ends the process.
        """
        return int(lib.llama_sampler_sample(self._handle, context, row))

    def accept(self, token: int) -> None:
        lib.llama_sampler_accept(self._handle, token)

    def apply(self, candidates: Candidates) -> None:
        apply_sampler(self._handle, candidates)

    def clone_without_last(self) -> "Chain":
        """The chain as it is now, but for its last sampler; the caller frees it."""
        n_samplers = lib.llama_sampler_chain_n(self._handle)
        members = (lib.llama_sampler_chain_get(self._handle, i) for i in range(n_samplers - 1))
        return Chain([clone_sampler(member) for member in members])

    def free(self) -> None:
        free_sampler(self._handle)
        self._handle = None


def apply_sampler(sampler: SamplerHandle, candidates: Candidates) -> None:
    lib.llama_sampler_apply(sampler, ctypes.byref(candidates.struct))


def free_sampler(sampler: SamplerHandle) -> None:
    lib.llama_sampler_free(sampler)


def clone_sampler(sampler: SamplerHandle) -> SamplerHandle:
    return lib.llama_sampler_clone(sampler)


def logit_bias(n_vocab: int, biases: Sequence[tuple[int, float]]) -> SamplerHandle:
    array = (lib.llama_logit_bias * len(biases))(*biases)
    return lib.llama_sampler_init_logit_bias(n_vocab, len(biases), array)


def dry(vocab: int, rule: DryRule) -> SamplerHandle:
    breakers = [text.encode("utf-8", "replace") for text in rule.breakers]
    return lib.llama_sampler_init_dry(
        vocab,
        rule.multiplier,
        rule.base,
        rule.allowed_length,
        rule.last_n,
        (ctypes.c_char_p * len(breakers))(*breakers),
        len(breakers),
    )


# Samplers whose arguments are plain numbers, in the order of llama.h.
penalties = lib.llama_sampler_init_penalties
top_n_sigma = lib.llama_sampler_init_top_n_sigma
top_k = lib.llama_sampler_init_top_k
typical = lib.llama_sampler_init_typical
top_p = lib.llama_sampler_init_top_p
min_p = lib.llama_sampler_init_min_p
xtc = lib.llama_sampler_init_xtc
temperature = lib.llama_sampler_init_temp
dynamic_temperature = lib.llama_sampler_init_temp_ext
mirostat = lib.llama_sampler_init_mirostat
mirostat_v2 = lib.llama_sampler_init_mirostat_v2
distribution = lib.llama_sampler_init_dist
greedy = lib.llama_sampler_init_greedy
