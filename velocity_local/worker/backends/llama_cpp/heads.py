"""A model's own heads for multi-token prediction, as one more source of guesses.

As llama.cpp's `common/speculative.cpp` does it (`common_speculative_impl_draft_mtp`): a second
context of the same model runs its last block over pairs of a token and the hidden state before
it. For guesses of its own, which the model has not computed yet, that is the state that the block
itself has left.
"""

from collections.abc import Callable, Sequence

import numpy as np

from velocity_local.worker.backends.llama_cpp import native, native_heads
from velocity_local.worker.backends.llama_cpp.hidden import KEPT_ROWS, HiddenStates, hidden_bytes
from velocity_local.worker.engine.backend import BackendError, Forward, Span
from velocity_local.worker.sampling.rows import FloatRow

_FORWARD = {
    native.DECODE_DONE: Forward.DONE,
    native.DECODE_FULL: Forward.FULL,
    native.DECODE_ABORTED: Forward.ABORTED,
}


def heads_options(options: native.ContextOptions) -> native.ContextOptions:
    """The context of heads beside one of the model itself."""
    return options._replace(
        n_batch=max(2 * KEPT_ROWS, options.n_seq_max),
        n_outputs=options.n_seq_max,
        n_scratch=0,
        n_rollback=0,
        swa_full=True,
        is_heads=True,
    )


def own_bytes(facts: native.ModelFacts, options: native.ContextOptions) -> int:
    """What heads take that the library does not tell of, beside a context of these options."""
    n_batch, n_sequences = options.n_batch, options.n_seq_max
    return hidden_bytes(facts.n_embd, n_batch=n_batch, n_sequences=n_sequences)


class Heads:
    """Implements the engine's `Guesser`. Owns its context, not the model's.

    `hidden` is to be told of all that happens to the model's sequences; `held` says how many
    cells one of them has.
    """

    keeps_guesses = False

    def __init__(
        self,
        model: int,
        trunk: int,
        options: native.ContextOptions,
        facts: native.ModelFacts,
        held: Callable[[int], int],
    ) -> None:
        """Raises:
        BackendError: with the library's own reason.
        """
        own = heads_options(options)
        self._abort = native.AbortFlag()
        self._context = native.open_context(model, own, self._abort)
        native_heads.give_states(trunk, of_all=False)
        native_heads.give_states(self._context, of_all=False)
        self._of_all = False
        self._trunk = trunk
        self._memory = native.Memory(self._context)
        self._batch = native_heads.StateBatch(self._context)
        self._width, self._n_vocab = facts.n_embd, facts.n_vocab
        self._held = held
        self._last: dict[int, tuple[int, FloatRow]] = {}
        self._ends: list[int] = []
        self.hidden = HiddenStates(facts.n_embd)
        self.n_batch = own.n_batch
        self.n_ctx = min(native.n_cells(self._context), facts.n_ctx_train)

    def expect(self, spans: Sequence[Span]) -> None:
        """The model is about to compute these.

        States of a prompt are wanted at its end only: for those of all tokens, the model's last
        layer computes rows that it would leave out.
        """
        of_all = any(span.wants_logits and len(span.tokens) > span.n_drafted + 1 for span in spans)
        if of_all is not self._of_all:
            native_heads.give_states(self._trunk, of_all=of_all)
            self._of_all = of_all

    def saw(self, spans: Sequence[Span], last_rows: Sequence[int]) -> None:
        """The model has computed them; `last_rows` are their last tokens' rows in its batch."""
        if self._of_all:
            self._keep_all(spans)
            return
        for span, last in zip(spans, last_rows, strict=True):
            if span.wants_logits:
                first = last - span.n_drafted
                rows = [
                    native_heads.state(self._trunk, row, self._width)
                    for row in range(first, last + 1)
                ]
                start = span.start + len(span.tokens) - len(rows)
                self.hidden.put(span.sequence, start, np.stack(rows))

    def _keep_all(self, spans: Sequence[Span]) -> None:
        n_rows = sum(len(span.tokens) for span in spans)
        rows = native_heads.states(self._trunk, n_rows, self._width)
        at = 0
        for span in spans:
            end = at + len(span.tokens)
            self.hidden.put(span.sequence, span.start, rows[at:end])
            at = end

    def earliest(self, sequence: int) -> int | None:
        kept = self.hidden.span(sequence)
        return kept.start + 1 if kept and kept.stop == self._held(sequence) else None

    def read(self, spans: Sequence[Span]) -> Forward:
        self._batch.clear()
        self._ends = [self._add(span) for span in spans]
        outcome = _FORWARD[self._batch.decode()]
        if outcome is Forward.DONE:
            for span, row in zip(spans, self._ends, strict=True):
                if span.wants_logits:
                    state = native_heads.state(self._context, row, self._width).copy()
                    self._last[span.sequence] = (span.start + len(span.tokens) - 1, state)
        return outcome

    def guess(self, texts: Sequence[Sequence[int]]) -> list[int]:
        assert len(texts) == len(self._ends), "guesses after other texts than were read"
        rows = (native.logits(self._context, row, self._n_vocab) for row in self._ends)
        return [int(row.argmax()) for row in rows]

    def length(self, sequence: int) -> int:
        return self._memory.highest(sequence) + 1

    def truncate(self, sequence: int, length: int) -> bool:
        return self._memory.remove(sequence, length or -1)

    def clear(self, sequence: int) -> None:
        self._memory.remove(sequence, -1)
        self._last.pop(sequence, None)

    def close(self) -> None:
        self._batch.close()
        native.close_context(self._context)

    def _add(self, span: Span) -> int:
        """The row of the span's last token."""
        row = -1
        n_tokens = len(span.tokens)
        for i, token in enumerate(span.tokens):
            position = span.start + i
            row = self._batch.add(
                token,
                self._state_at(span.sequence, position - 1),
                sequence=span.sequence,
                pos=position,
                wants_logits=span.wants_logits and i == n_tokens - 1,
            )
        return row

    def _state_at(self, sequence: int, position: int) -> FloatRow:
        """The model's state after a token, or the block's own after a guess."""
        if position in self.hidden.span(sequence):
            return self.hidden.row(sequence, position)
        at, state = self._last.get(sequence, (-1, None))
        if at != position or state is None:
            raise BackendError(f"sequence {sequence} has no state at {position}")
        return state
