"""An MLX folder on mlx-lm's model classes, as the engine's backend."""

import threading
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadedModel, LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.mlx import states
from velocity_local.worker.backends.mlx.adapters import LoadedAdapters
from velocity_local.worker.backends.mlx.cells import SequenceCells
from velocity_local.worker.backends.mlx.embed import Embedder
from velocity_local.worker.backends.mlx.folder import read_folder
from velocity_local.worker.backends.mlx.grouping import Group, groups
from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, mx
from velocity_local.worker.backends.mlx.opening import Opened, open_model
from velocity_local.worker.backends.mlx.tokenizer import FolderTokenizer
from velocity_local.worker.engine.backend import (
    BackendError,
    Capabilities,
    Forward,
    Sampled,
    SampleRow,
    Span,
    State,
    Unsampled,
)
from velocity_local.worker.engine.constraint import Constraint, Unanswerable
from velocity_local.worker.engine.speculation.walk import Run, drafted, walk
from velocity_local.worker.sampling.factory import SamplerFactory
from velocity_local.worker.sampling.logprobs import log_normalizer
from velocity_local.worker.sampling.ranking import top_tokens
from velocity_local.worker.sampling.rows import FloatRow
from velocity_local.worker.sampling.sampler import RowSampler


def load(path: str, options: LoadOptions) -> "MlxBackend":
    """Load a model folder.

    Raises:
        BackendError: naming the file or the setting that this engine does not take, or with the
            library's own reason.
    """
    started_s = time.monotonic()
    return MlxBackend(open_model(read_folder(path), options), started_s=started_s)


class MlxBackend:
    """Implements the engine's `Backend`. The library's arrays stay below it."""

    def __init__(self, opened: Opened, *, started_s: float) -> None:
        self._model = opened.model
        self._capabilities = opened.capabilities
        self._abort = threading.Event()
        self._cells = SequenceCells(
            opened.make_caches,
            n_seq_max=opened.capabilities.n_seq_max,
            n_cells=opened.capabilities.n_cells,
        )
        self._tokenizer = FolderTokenizer(opened.folder, n_vocab=opened.capabilities.n_vocab)
        self._samplers = SamplerFactory(
            n_vocab=opened.capabilities.n_vocab,
            n_ctx=opened.capabilities.n_ctx,
            ends=self._tokenizer.ends,
            piece=self._tokenizer.piece_special,
        )
        self._adapters = LoadedAdapters(opened.model)
        self._embedder = Embedder(opened.model, opened.capabilities)
        self._last: Sequence[Span] = ()
        self._logits: dict[int, FloatRow] = {}
        self._loaded = opened.describe(
            has_chat_template=self._tokenizer.chat_template is not None,
            load_ms=(time.monotonic() - started_s) * 1000,
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def loaded(self) -> LoadedModel:
        return self._loaded

    @property
    def tokenizer(self) -> FolderTokenizer:
        return self._tokenizer

    @property
    def heads(self) -> None:
        """mlx-lm drops the heads that guess more than one token."""
        return

    def sampler(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> RowSampler:
        return self._samplers.make(params, prompt, constraint)

    def forward(self, spans: Sequence[Span]) -> Forward:
        self._last, self._logits = (), {}
        n_tokens = sum(len(span.tokens) for span in spans)
        self._check(spans, n_tokens)
        if n_tokens > self._cells.n_free:
            return Forward.FULL
        self._adapters.use(spans[0].adapter)
        kinds = self._cells.kinds
        try:
            for group in groups(spans, can_pad=kinds.all_plain, can_batch=kinds.can_batch):
                if self._abort.is_set():
                    self._abort.clear()
                    return Forward.ABORTED
                self._compute(group, spans)
        except LIBRARY_ERRORS as error:
            self._undo(spans)
            raise BackendError(f"the pass failed: {error}") from error
        self._last = spans
        return Forward.DONE

    def sample(self, rows: Sequence[SampleRow]) -> list[Sampled | Unsampled]:
        return [self._sample(row, 0) for row in rows]

    def verify(self, rows: Sequence[SampleRow]) -> list[Run]:
        return [
            walk(row.sampler, drafted(self._last[row.span]), partial(self._sample, row))
            for row in rows
        ]

    def copy(self, source: int, target: int, length: int) -> None:
        self._cells.copy(source, target, length)

    def truncate(self, sequence: int, length: int) -> bool:
        return self._cells.truncate(sequence, length)

    def can_truncate(self, sequence: int, length: int) -> bool:
        return self._cells.can_truncate(sequence, length)

    def clear(self, sequence: int) -> None:
        self._cells.clear(sequence)

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        return states.save(
            self._cells, sequence, start, self.length(sequence) if end is None else end
        )

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        return states.restore(self._cells, sequence, state, start, length)

    def load_adapter(self, adapter: Adapter) -> None:
        self._adapters.load(adapter)

    def unload_adapter(self, key: str) -> None:
        self._adapters.unload(key)

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        return self._embedder.embed(inputs)

    def request_abort(self) -> None:
        self._abort.set()

    def length(self, sequence: int) -> int:
        return self._cells.length(sequence)

    def close(self) -> None:
        """Let go of weights and cells, and of what the library keeps for later arrays."""
        self._last, self._logits = (), {}
        self._model = self._cells = self._adapters = self._embedder = None  # type: ignore[assignment]  # it is over
        mx.clear_cache()

    def _compute(self, group: Group, spans: Sequence[Span]) -> None:
        """One call of the model, for the rows of a group."""
        by_sequence = {spans[piece.span].sequence: piece for piece in group.pieces}
        adapter = spans[group.pieces[0].span].adapter
        batch = self._cells.together(list(by_sequence), adapter)
        pieces = [by_sequence[member] for member in batch.members if member is not None]
        width = group.width
        tokens = np.zeros((len(pieces), width), np.int32)
        for row, piece in enumerate(pieces):
            part = spans[piece.span].tokens[piece.at : piece.at + piece.n]
            tokens[row, : piece.n] = part
        logits = self._model(mx.array(tokens), cache=batch.layers)
        if group.wants_logits:
            logits = logits.astype(mx.float32)
            mx.eval(logits, batch.arrays())
            every = np.array(logits, copy=False)
            for row, piece in enumerate(pieces):
                n_wanted = 1 + spans[piece.span].n_drafted
                self._logits[piece.span] = every[row, piece.n - n_wanted : piece.n]
        else:
            mx.eval(batch.arrays())
        batch.advance([piece.n for piece in pieces])

    def _sample(self, row: SampleRow, n_guesses: int) -> Sampled | Unsampled:
        """The token after the first guesses of a span."""
        logits = self._logits[row.span][n_guesses]
        assert isinstance(row.sampler, RowSampler)
        try:
            token = row.sampler.sample(logits)
        except Unanswerable as error:
            return Unsampled(error)
        if row.top_logprobs is None:
            return Sampled(token)
        normalizer = log_normalizer(logits)
        top = top_tokens(logits, row.top_logprobs)
        return Sampled(
            token,
            float(logits[token]) - normalizer,
            tuple((other, float(logits[other]) - normalizer) for other in top),
        )

    def _check(self, spans: Sequence[Span], n_tokens: int) -> None:
        if not 0 < n_tokens <= self._capabilities.n_batch:
            raise BackendError(f"a batch of {n_tokens}; from 1 to {self._capabilities.n_batch}")
        adapter = spans[0].adapter
        if any(span.adapter != adapter for span in spans):
            raise BackendError("one pass cannot have spans of several adapters")
        n_vocab = self._capabilities.n_vocab
        for span in spans:
            self._cells.check(span.sequence, span.start, adapter)
            if min(span.tokens) < 0 or max(span.tokens) >= n_vocab:
                raise BackendError(f"sequence {span.sequence} has a token outside the vocabulary")

    def _undo(self, spans: Sequence[Span]) -> None:
        """After a failure: back to where the pass began, or to nothing where that cannot be."""
        for span in spans:
            if not self._cells.truncate(span.sequence, span.start):
                self._cells.clear(span.sequence)
