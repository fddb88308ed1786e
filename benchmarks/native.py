"""The few calls of llama.cpp that a decode loop needs, with handles that close."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import llama_cpp

from benchmarks.sampling import Sampling

N_BATCH = 512
_LOG_LEVEL_ERROR = 3


class NativeError(RuntimeError):
    """A call of the library failed."""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]  # llama_cpp has no types here
def _log_errors(level: int, text: bytes, _data: object) -> None:
    if level == _LOG_LEVEL_ERROR:
        os.write(2, text)


class NativeModel:
    """A model with one context of unified KV cells. Not for use by two threads at once."""

    def __init__(self, path: Path, *, n_threads: int, n_sequences: int, n_ctx: int) -> None:
        llama_cpp.llama_log_set(_log_errors, None)
        llama_cpp.llama_backend_init()
        self._model: Any = llama_cpp.llama_model_load_from_file(
            os.fsencode(path), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise NativeError(f"{path} does not load")
        self._context: Any = llama_cpp.llama_init_from_model(
            self._model, _context_params(n_threads, n_sequences, n_ctx)
        )
        if not self._context:
            raise NativeError(f"no context of {n_ctx} cells for {path}")
        self._vocab: Any = llama_cpp.llama_model_get_vocab(self._model)
        self._memory: Any = llama_cpp.llama_get_memory(self._context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def tokenize(self, text: str) -> list[int]:
        """Without added specials; specials written in `text` count as such."""
        data = text.encode("utf-8")
        size = len(data) + 1
        tokens = (llama_cpp.llama_token * size)()
        n_tokens = llama_cpp.llama_tokenize(
            self._vocab,
            data,
            len(data),
            tokens,
            size,
            False,  # noqa: FBT003 - the C function takes it by position
            True,  # noqa: FBT003 - the C function takes it by position
        )
        return list(tokens[:n_tokens])

    def end_tokens(self) -> list[int]:
        """All end-of-generation tokens of the vocabulary."""
        n_tokens = llama_cpp.llama_vocab_n_tokens(self._vocab)
        return [t for t in range(n_tokens) if llama_cpp.llama_vocab_is_eog(self._vocab, t)]

    def clear(self) -> None:
        """Drop the cells of all sequences."""
        llama_cpp.llama_memory_clear(self._memory, False)  # noqa: FBT003 - C, by position

    def decode(self, batch: "Batch") -> None:
        status = llama_cpp.llama_decode(self._context, batch.native)
        if status != 0:
            raise NativeError(f"llama_decode answered {status}")

    def sample(self, chain: Any, row: int) -> int:
        """The token that `chain` chooses for the batch's row; the chain accepts it."""
        return int(llama_cpp.llama_sampler_sample(chain, self._context, row))

    def chain(self, sampling: Sampling, end_tokens: Sequence[int]) -> Any:
        """The chain a server builds for these fields; to be freed with `free_chain`."""
        chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
        for sampler in self._samplers(sampling, end_tokens):
            llama_cpp.llama_sampler_chain_add(chain, sampler)
        return chain

    def _samplers(self, sampling: Sampling, end_tokens: Sequence[int]) -> list[Any]:
        samplers: list[Any] = []
        if sampling.ignore_eos and end_tokens:
            biases = (llama_cpp.llama_logit_bias * len(end_tokens))(
                *(llama_cpp.llama_logit_bias(token, float("-inf")) for token in end_tokens)
            )
            n_vocab = llama_cpp.llama_vocab_n_tokens(self._vocab)
            samplers.append(
                llama_cpp.llama_sampler_init_logit_bias(n_vocab, len(end_tokens), biases)
            )
        if sampling.temperature == 0:
            return [*samplers, llama_cpp.llama_sampler_init_greedy()]
        if sampling.top_k > 0:
            samplers.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            samplers.append(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            samplers.append(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
        samplers.append(llama_cpp.llama_sampler_init_temp(sampling.temperature))
        return [*samplers, llama_cpp.llama_sampler_init_dist(sampling.seed)]


def free_chain(chain: Any) -> None:
    llama_cpp.llama_sampler_free(chain)


def _context_params(n_threads: int, n_sequences: int, n_ctx: int) -> Any:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = n_ctx
    params.n_batch = N_BATCH
    params.n_ubatch = N_BATCH
    params.n_seq_max = n_sequences
    params.n_outputs_max = n_sequences
    params.n_threads = n_threads
    params.n_threads_batch = n_threads
    params.kv_unified = True
    return params


class Batch:
    """Rows for one decode: a token, its position, its sequence, and whether logits are wanted."""

    def __init__(self) -> None:
        self.native: Any = llama_cpp.llama_batch_init(N_BATCH, 0, 1)
        self.clear()

    def clear(self) -> None:
        self.native.n_tokens = 0

    @property
    def is_full(self) -> bool:
        return bool(self.native.n_tokens == N_BATCH)

    def add(self, token: int, position: int, sequence: int, *, wants_logits: bool) -> int:
        """The index of the new row."""
        row: int = self.native.n_tokens
        self.native.token[row] = token
        self.native.pos[row] = position
        self.native.n_seq_id[row] = 1
        self.native.seq_id[row][0] = sequence
        self.native.logits[row] = wants_logits
        self.native.n_tokens = row + 1
        return row

    def close(self) -> None:
        llama_cpp.llama_batch_free(self.native)


def cell_count(n_tokens: int) -> int:
    """A context size for `n_tokens` in all, in the library's own steps of 256 cells."""
    return -(-n_tokens // 256) * 256
