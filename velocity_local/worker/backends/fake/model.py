"""A scripted, deterministic model: real bookkeeping, no weights. It ships, for tests and demos."""

import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadedModel, LoadOptions
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.cells import FakeCells
from velocity_local.worker.backends.fake.faults import Faults
from velocity_local.worker.backends.fake.sampler import FakeSampler
from velocity_local.worker.backends.fake.script import Script, read
from velocity_local.worker.backends.fake.tokenizer import CHATML, ByteTokenizer
from velocity_local.worker.engine.backend import (
    BackendError,
    Capabilities,
    Forward,
    Guesser,
    Sampled,
    SampleRow,
    Span,
    State,
    Truncation,
    Unsampled,
)
from velocity_local.worker.engine.constraint import Constraint, Unanswerable
from velocity_local.worker.engine.speculation.walk import Run, drafted, walk

Wait = Callable[[float], bool]


def load(path: str, options: LoadOptions) -> "FakeBackend":
    """The model that the script at `options.backend_script` describes; `path` is not read.

    Raises:
        BackendError: if the script cannot be read, or says that loading fails.
    """
    try:
        script = read(options.backend_script)
    except (OSError, msgspec.DecodeError) as error:
        raise BackendError(f"script {options.backend_script}: {error}") from error
    return FakeBackend(script, options, name=path)


class FakeBackend:
    """Implements the engine's `Backend`.

    `wait` sleeps for so many seconds and tells whether an abort was asked for meanwhile; by
    default it really waits.
    """

    def __init__(
        self,
        script: Script,
        options: LoadOptions,
        *,
        name: str = "fake",
        wait: Wait | None = None,
    ) -> None:
        self._script = script
        self._abort = threading.Event()
        self._wait = wait or self._abort.wait
        self._faults = Faults(script.faults)
        self._pace = _pace(script, options)
        if script.load_delay_s:
            self._wait(script.load_delay_s)
        self._faults.on_load()
        self._tokenizer = ByteTokenizer(chat_template=_template(script))
        self._capabilities = _capabilities(script, options, self._tokenizer)
        self._loaded = _loaded(script, options, self._capabilities, name)
        self._cells = FakeCells(
            n_cells=self._capabilities.n_cells,
            n_seq_max=self._capabilities.n_seq_max,
            truncation=self._capabilities.truncation,
            can_copy_part=self._capabilities.can_copy_part,
            window=script.window,
            shares=script.shares_cells,
        )
        self._last: Sequence[Span] = ()
        self._adapters = {""}

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def loaded(self) -> LoadedModel:
        return self._loaded

    @property
    def tokenizer(self) -> ByteTokenizer:
        return self._tokenizer

    @property
    def heads(self) -> Guesser | None:
        return None

    def sampler(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> FakeSampler:
        return FakeSampler(self._script.reply, params, prompt, self._tokenizer, constraint)

    def forward(self, spans: Sequence[Span]) -> Forward:
        self._last = ()
        n_tokens = sum(len(span.tokens) for span in spans)
        self._check(spans, n_tokens)
        if n_tokens > self._cells.n_free:
            return Forward.FULL
        self._faults.on_step()
        delay_s = self._script.step_delay_s + self._script.token_delay_s * n_tokens
        delay_s *= self._pace
        if (delay_s and self._wait(delay_s)) or self._abort.is_set():
            self._abort.clear()
            return Forward.ABORTED
        for span in spans:
            self._cells.append(span.sequence, list(span.tokens), span.adapter)
            if len(span.tokens) > 1:
                self._faults.on_prompt(self._cells.tokens(span.sequence))
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
        if self._is_guessed(sequence, length):
            self._cells.step_back(sequence, length)
            return True
        return self._cells.truncate(sequence, length)

    def _is_guessed(self, sequence: int, length: int) -> bool:
        """Whether only guesses of the last pass are beyond the first `length` cells."""
        end = self.length(sequence)
        return any(
            span.sequence == sequence
            and span.start + len(span.tokens) == end
            and 0 < end - length <= min(span.n_drafted, self._capabilities.n_rollback)
            for span in self._last
        )

    def can_truncate(self, sequence: int, length: int) -> bool:
        return self._cells.can_truncate(sequence, length)

    def clear(self, sequence: int) -> None:
        self._cells.truncate(sequence, 0)

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        return self._cells.save(sequence, start, end)

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        return self._cells.restore(sequence, state, start, length)

    def load_adapter(self, adapter: Adapter) -> None:
        if not Path(adapter.path).is_file():
            raise BackendError(f"there is no adapter {adapter.path}")
        self._adapters.add(adapter.key)

    def unload_adapter(self, key: str) -> None:
        self._adapters.discard(key)

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        if not self._capabilities.can_embed:
            raise BackendError("this model has no embeddings")
        return [_vector(tokens, self._script.n_embd) for tokens in inputs]

    def request_abort(self) -> None:
        self._abort.set()

    def length(self, sequence: int) -> int:
        return len(self._cells.tokens(sequence))

    def close(self) -> None:
        self._last = ()

    def _sample(self, row: SampleRow, at: int) -> Sampled | Unsampled:
        """The token after the first `at` guesses of a span."""
        span = self._last[row.span]
        if not span.wants_logits:
            raise BackendError(f"span {row.span} has no logits")
        assert isinstance(row.sampler, FakeSampler)
        self._faults.on_token()
        cells = self._cells.tokens(span.sequence)
        if span.n_drafted > at:
            cells = cells[: at - span.n_drafted]
        try:
            return row.sampler.sample(cells, row.top_logprobs, span.adapter)
        except Unanswerable as error:
            return Unsampled(error)

    def _check(self, spans: Sequence[Span], n_tokens: int) -> None:
        if not 0 < n_tokens <= self._capabilities.n_batch:
            raise BackendError(f"a batch of {n_tokens}; from 1 to {self._capabilities.n_batch}")
        if len({span.adapter for span in spans}) > 1 or spans[0].adapter not in self._adapters:
            raise BackendError("a pass has one adapter, and it must be loaded")
        for span in spans:
            if not 0 <= span.sequence < self._capabilities.n_seq_max:
                raise BackendError(f"sequence {span.sequence} does not exist")
            if span.start != self.length(span.sequence):
                raise BackendError(f"sequence {span.sequence} cannot go on at {span.start}")
            if not all(0 <= token < self._tokenizer.n_vocab for token in span.tokens):
                raise BackendError(f"sequence {span.sequence} has a token outside the vocabulary")


def _capabilities(script: Script, options: LoadOptions, tokenizer: ByteTokenizer) -> Capabilities:
    n_ctx = options.n_ctx or script.n_ctx
    return Capabilities(
        n_vocab=tokenizer.n_vocab,
        n_ctx=n_ctx,
        n_cells=n_ctx,
        n_seq_max=options.n_seq_max,
        n_batch=max(options.n_batch, options.n_seq_max),
        n_logits=max(options.n_batch, options.n_seq_max),
        prefill_tile=script.prefill_tile,
        tile_reaches_all=script.tile_reaches_all,
        can_copy_part=script.can_copy_part and script.truncation == "anywhere",
        truncation=Truncation(script.truncation),
        n_rollback=script.n_rollback if script.truncation == "never" else 0,
        can_generate=script.pooling == "none",
        can_embed=script.pooling != "none",
        pooling=script.pooling,
        state_format="tokens",
        shares_cells=script.shares_cells,
    )


def _pace(script: Script, options: LoadOptions) -> float:
    """How much slower these options make it.

    Raises:
        BackendError: if the script refuses one of them.
    """
    pace = 1.0
    for name, paces in script.pace.items():
        value = msgspec.json.encode(getattr(options, name)).decode().strip('"')
        pace *= paces.get(value, 1.0)
        if not pace:
            raise BackendError(f"{name} cannot be {value}")
    return pace


def _template(script: Script) -> str | None:
    if isinstance(script.chat_template, str):
        return script.chat_template
    return CHATML if script.chat_template else None


def _loaded(
    script: Script, options: LoadOptions, capabilities: Capabilities, name: str
) -> LoadedModel:
    return LoadedModel(
        n_vocab=capabilities.n_vocab,
        n_ctx=capabilities.n_ctx,
        n_cells=capabilities.n_cells,
        n_ctx_train=capabilities.n_ctx,
        n_embd=script.n_embd,
        n_seq_max=capabilities.n_seq_max,
        n_threads=options.n_threads or 1,
        can_generate=capabilities.can_generate,
        can_embed=capabilities.can_embed,
        has_chat_template=_template(script) is not None,
        pooling=capabilities.pooling,
        device="none",
        description=f"scripted model {name}",
        load_ms=script.load_delay_s * 1000,
        memory_bytes=0,
        kv_bytes_per_token=0,
    )


def _vector(tokens: Sequence[int], n_embd: int) -> bytes:
    """Numbers between -1 and 1 that only the tokens decide."""
    draws = (zlib.crc32(f"{i}/{list(tokens)}".encode()) for i in range(n_embd))
    return struct.pack(f"<{n_embd}f", *(draw / 2**31 - 1 for draw in draws))
