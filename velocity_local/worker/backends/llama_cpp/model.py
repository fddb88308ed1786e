"""A GGUF model in llama.cpp, as the engine's backend."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadedModel, LoadOptions, Pooling
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp import (
    devices,
    log,
    native,
    native_heads,
    native_states,
)
from velocity_local.worker.backends.llama_cpp.adapters import LoadedAdapters
from velocity_local.worker.backends.llama_cpp.batch import fill
from velocity_local.worker.backends.llama_cpp.embed import Embedder
from velocity_local.worker.backends.llama_cpp.heads import Heads, own_bytes
from velocity_local.worker.backends.llama_cpp.heads_file import wants_heads
from velocity_local.worker.backends.llama_cpp.opening import (
    PREFILL_TILE,
    open_context,
    takes_tiles,
)
from velocity_local.worker.backends.llama_cpp.pool import RowPool
from velocity_local.worker.backends.llama_cpp.sampler import AnySampler, SamplerFactory
from velocity_local.worker.backends.llama_cpp.states import States
from velocity_local.worker.backends.llama_cpp.tokenizer import NativeTokenizer
from velocity_local.worker.engine.backend import (
    BackendError,
    Capabilities,
    Forward,
    Sampled,
    SampleRow,
    Span,
    State,
    Truncation,
    Unsampled,
)
from velocity_local.worker.engine.constraint import Constraint, Unanswerable
from velocity_local.worker.engine.speculation.walk import Run, drafted, walk
from velocity_local.worker.sampling.logprobs import log_normalizer
from velocity_local.worker.sampling.ranking import top_tokens

Result = TypeVar("Result")

# Where a second thread pays: heavy chains take a millisecond or more each, others 0.2 ms
MIN_HEAVY_ROWS = 2
MIN_ROWS = 4
_POOLED: tuple[Pooling, ...] = ("mean", "cls", "last")

_log = logging.getLogger(__name__)


def load(path: str, options: LoadOptions) -> "LlamaCppBackend":
    """Load a GGUF file.

    Raises:
        BackendError: with the library's own reason, or because the model is of a kind that
            this engine does not run.
    """
    started_s = time.monotonic()
    native.start()
    log.forget_buffers()
    with_heads = wants_heads(path, options)
    model = native.open_model(path, options, with_heads=with_heads)
    try:
        return LlamaCppBackend(model, options, started_s=started_s, with_heads=with_heads)
    except BackendError:
        native.close_model(model)
        raise


class LlamaCppBackend:
    """Implements the engine's `Backend` over one model and one context; owns both, or only
    the context.
    """

    def __init__(
        self,
        model: int,
        options: LoadOptions,
        *,
        started_s: float,
        owns_model: bool = True,
        with_heads: bool = False,
    ) -> None:
        self._model = model
        self._owns_model = owns_model
        self._facts = facts = native.model_facts(model)
        if facts.is_diffusion or (facts.has_encoder and facts.has_decoder):
            raise BackendError(f"{facts.description}: only decoders and encoders are supported")
        vocab = native.vocabulary(model)
        self._tokenizer = NativeTokenizer(
            vocab,
            n_vocab=facts.n_vocab,
            chat_template=facts.chat_template,
            tool_template=facts.tool_template,
        )
        self._abort = native.AbortFlag()
        looking = self._tokenizer.look_ahead()
        try:
            opened = open_context(model, facts, options, self._abort)
        finally:
            looking.join()
        self._context, context_options = opened.context, opened.options
        self._pooling = opened.pooling
        self._capabilities = self._find_capabilities(context_options)
        if not (self._capabilities.can_generate or self._capabilities.can_embed):
            native.close_context(self._context)
            raise BackendError(f"{facts.description}: it neither generates nor pools embeddings")
        self._memory = native.Memory(self._context)
        scratch = context_options.n_seq_max if context_options.n_scratch else None
        self._states = States(self._context, self._memory, scratch)
        self._heads = self._open_heads(context_options) if with_heads else None
        self._stepped_back: set[int] = set()
        self._adapters = LoadedAdapters(model, self._context)
        self._batch = native.Batch(context_options.n_batch)
        self._samplers = SamplerFactory(
            vocab, n_vocab=facts.n_vocab, n_ctx=self._capabilities.n_ctx
        )
        self._embedder = Embedder(
            self._context,
            self._batch,
            n_batch=context_options.n_batch,
            n_seq_max=context_options.n_seq_max,
        )
        self._pool = RowPool(context_options.n_threads)
        self._last_rows: list[int] = []
        self._last_spans: Sequence[Span] = ()
        self._loaded = self._describe(context_options, started_s)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def loaded(self) -> LoadedModel:
        return self._loaded

    @property
    def tokenizer(self) -> NativeTokenizer:
        return self._tokenizer

    @property
    def heads(self) -> Heads | None:
        return self._heads

    def sampler(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> AnySampler:
        return self._samplers.make(params, prompt, constraint)

    def forward(self, spans: Sequence[Span]) -> Forward:
        self._last_spans = ()
        n_tokens = sum(len(span.tokens) for span in spans)
        if not 0 < n_tokens <= self._capabilities.n_batch:
            raise BackendError(f"a batch of {n_tokens}; from 1 to {self._capabilities.n_batch}")
        adapter = spans[0].adapter
        if any(span.adapter != adapter for span in spans):
            raise BackendError("one pass cannot have spans of several adapters")
        self._check_starts(spans)
        self._adapters.use(adapter)
        last_rows = fill(self._batch, spans)
        if self._heads is not None:
            self._heads.expect(spans)
        code = self._batch.decode(self._context, n_tokens)
        if code == native.DECODE_FULL:
            return Forward.FULL
        if code == native.DECODE_ABORTED:
            self._on_abort(spans)
            return Forward.ABORTED
        self._last_rows, self._last_spans = last_rows, spans
        if self._stepped_back:
            self._stepped_back.difference_update(span.sequence for span in spans)
        if self._heads is not None:
            self._heads.saw(spans, last_rows)
        return Forward.DONE

    def _check_starts(self, spans: Sequence[Span]) -> None:
        """Hybrid models with several position axes take a gap without a word."""
        if not self._capabilities.can_copy_part:
            for span in spans:
                if span.start != self.length(span.sequence):
                    raise BackendError(f"sequence {span.sequence} does not go on at {span.start}")

    def sample(self, rows: Sequence[SampleRow]) -> list[Sampled | Unsampled]:
        return self._for_each(rows, self._sample)

    def verify(self, rows: Sequence[SampleRow]) -> list[Run]:
        return self._for_each(rows, self._verify)

    def copy(self, source: int, target: int, length: int) -> None:
        held = self.length(source)
        if length > held or self.length(target):
            raise BackendError(f"copy of {length} of {held} cells to sequence {target}")
        if length < held and not self._capabilities.can_copy_part:
            raise BackendError(f"copy of {length} of {held} cells: this model copies all or none")
        self._memory.copy(source, target, end=-1 if length == held else length)
        if source in self._stepped_back:
            # States that are shared step back for one sequence alone.
            native_states.copy_states(self._context, source, target)
        if self._heads is not None:
            self._heads.hidden.copy(source, target, length)

    def truncate(self, sequence: int, length: int) -> bool:
        if length >= self.length(sequence):
            return True
        steps_back = not self.can_truncate(sequence, length)
        if steps_back and not self._is_guessed(sequence, length):
            return False
        if not self._memory.remove(sequence, length or -1):
            return False
        if steps_back:
            self._stepped_back.add(sequence)
        if self._heads is not None:
            self._heads.hidden.cut(sequence, length)
        return True

    def can_truncate(self, sequence: int, length: int) -> bool:
        if length in (0, self.length(sequence)):
            return True
        truncation = self._capabilities.truncation
        if truncation is Truncation.WITHIN_WINDOW:
            # The library says yes to cuts below a window, and then computes nonsense.
            return self._memory.lowest(sequence) <= max(0, length - self._facts.n_swa)
        return truncation is Truncation.ANYWHERE

    def _is_guessed(self, sequence: int, length: int) -> bool:
        """Whether only guesses of the last pass are beyond the first `length` cells."""
        end = self.length(sequence)
        return any(
            span.sequence == sequence
            and span.start + len(span.tokens) == end
            and end - length <= min(span.n_drafted, self._capabilities.n_rollback)
            for span in self._last_spans
        )

    def clear(self, sequence: int) -> None:
        self._memory.remove(sequence, -1)
        self._stepped_back.discard(sequence)
        if self._heads is not None:
            self._heads.hidden.clear(sequence)

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        return self._states.save(sequence, start, self.length(sequence) if end is None else end)

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        return self._states.restore(sequence, state, start, length)

    def load_adapter(self, adapter: Adapter) -> None:
        self._adapters.load(adapter)

    def unload_adapter(self, key: str) -> None:
        self._adapters.unload(key)

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        if not self._capabilities.can_embed:
            raise BackendError("this model has no embeddings")
        return self._embedder.embed(inputs, n_embd=self._facts.n_embd)

    def request_abort(self) -> None:
        self._abort.set()

    def length(self, sequence: int) -> int:
        return self._memory.highest(sequence) + 1

    def close(self) -> None:
        """Free what is owned. Its samplers must be closed before."""
        self._pool.close()
        self._samplers.close()
        self._adapters.close()
        if self._heads is not None:
            self._heads.close()
        native.close_context(self._context)
        if self._owns_model:
            native.close_model(self._model)

    def _for_each(
        self, rows: Sequence[SampleRow], function: Callable[[SampleRow], Result]
    ) -> list[Result]:
        n_heavy = sum(_is_heavy(row) for row in rows)
        if n_heavy < MIN_HEAVY_ROWS and len(rows) < MIN_ROWS:
            return [function(row) for row in rows]
        # The first look at the logits puts them in order; only after it may threads share them.
        native.logits(self._context, self._last_rows[rows[0].span], self._facts.n_vocab)
        return self._pool.map(function, rows)

    def _verify(self, row: SampleRow) -> Run:
        draft = drafted(self._last_spans[row.span])
        return walk(row.sampler, draft, partial(self._sample, row))

    def _sample(self, row: SampleRow, n_guesses: int = 0) -> Sampled | Unsampled:
        """The token after the first guesses of a span."""
        span = self._last_spans[row.span]
        # A row without logits would end the process inside the library.
        assert span.wants_logits, "sampling a row without logits"
        assert 0 <= n_guesses <= span.n_drafted, "sampling a row without logits"
        assert isinstance(row.sampler, AnySampler)
        at = self._last_rows[row.span] - span.n_drafted + n_guesses
        try:
            token = row.sampler.sample(self._context, at)
        except Unanswerable as error:
            return Unsampled(error)
        if row.top_logprobs is None:
            return Sampled(token)
        logits = native.logits(self._context, at, self._facts.n_vocab)
        normalizer = log_normalizer(logits)
        top = top_tokens(logits, row.top_logprobs)
        return Sampled(
            token,
            float(logits[token]) - normalizer,
            tuple((other, float(logits[other]) - normalizer) for other in top),
        )

    def _on_abort(self, spans: Sequence[Span]) -> None:
        """Uncomputed positions are gone, but a recurrent state cannot step back: it is lost."""
        self._abort.clear()
        if self._capabilities.truncation is Truncation.NEVER:
            for span in spans:
                self.clear(span.sequence)

    def _find_capabilities(self, options: native.ContextOptions) -> Capabilities:
        facts = self._facts
        n_cells = native.n_cells(self._context)
        can_embed = self._pooling in _POOLED
        truncation = _truncation(facts, swa_full=options.swa_full)
        return Capabilities(
            n_vocab=facts.n_vocab,
            n_ctx=min(n_cells, facts.n_ctx_train),
            n_cells=n_cells,
            n_seq_max=options.n_seq_max,
            n_batch=options.n_batch,
            n_logits=options.n_outputs,
            prefill_tile=PREFILL_TILE,
            tile_reaches_all=takes_tiles(options),
            can_copy_part=truncation is Truncation.ANYWHERE,
            truncation=truncation,
            n_rollback=native.n_rollback(self._context),
            can_generate=self._pooling == "none" and native.has_memory(self._context),
            can_embed=can_embed,
            pooling=self._pooling,
            state_format=native.state_format(options),
        )

    def _open_heads(self, options: native.ContextOptions) -> Heads | None:
        """The model's heads; None, with a word in the log, where they cannot be had or used."""
        problem = native_heads.missing()
        if problem is None and not self._capabilities.most_guesses:
            problem = "wrong guesses could not be taken back"
        if problem is None:
            try:
                return Heads(self._model, self._context, options, self._facts, self.length)
            except BackendError as error:
                problem = str(error)
        _log.warning("the model's heads are not used: %s", problem)
        return None

    def _describe(self, options: native.ContextOptions, started_s: float) -> LoadedModel:
        capabilities = self._capabilities
        buffers = log.take_buffers(weights_bytes=native.weights_bytes(self._model))
        if self._heads is not None:
            buffers = buffers.with_host_bytes(own_bytes(self._facts, options))
        return LoadedModel(
            n_vocab=capabilities.n_vocab,
            n_ctx=capabilities.n_ctx,
            n_cells=capabilities.n_cells,
            n_ctx_train=self._facts.n_ctx_train,
            n_embd=self._facts.n_embd,
            n_seq_max=capabilities.n_seq_max,
            n_threads=options.n_threads,
            can_generate=capabilities.can_generate,
            can_embed=capabilities.can_embed,
            has_chat_template=self._facts.chat_template is not None,
            pooling=capabilities.pooling,
            device=devices.first(),
            description=self._facts.description,
            load_ms=(time.monotonic() - started_s) * 1000,
            memory_bytes=buffers.total_bytes,
            kv_bytes_per_token=buffers.kv_bytes // capabilities.n_cells,
            buffers=buffers,
        )


def _is_heavy(row: SampleRow) -> bool:
    assert isinstance(row.sampler, AnySampler)
    return row.sampler.is_heavy


def _truncation(facts: native.ModelFacts, *, swa_full: bool) -> Truncation:
    if facts.is_recurrent or facts.is_hybrid:
        return Truncation.NEVER
    if facts.n_swa and not swa_full:
        return Truncation.WITHIN_WINDOW
    return Truncation.ANYWHERE
