"""What a sequence adds to a pass: tokens to compute, and a row to sample from."""

from collections.abc import Sequence

from velocity_local.worker.engine.backend import SampleRow, Span
from velocity_local.worker.engine.live import LiveSequence


def spans_of(
    batch: Sequence[tuple[LiveSequence, int]], drafts: Sequence[Sequence[int]]
) -> list[Span]:
    """The next tokens of each sequence, and guesses at what follows the last of all."""
    if not drafts:
        return [_span(sequence, n_tokens) for sequence, n_tokens in batch]
    pairs = zip(batch, drafts, strict=True)
    return [_span(sequence, n_tokens, draft) for (sequence, n_tokens), draft in pairs]


def _span(sequence: LiveSequence, n_tokens: int, draft: Sequence[int] = ()) -> Span:
    start = sequence.n_computed
    end = start + n_tokens
    tokens, wants_logits = sequence.tokens[start:end], end == len(sequence.tokens)
    assert wants_logits or not draft, "guesses after a token that is not the last"
    adapter = sequence.spec.adapter
    return Span(sequence.slot, start, [*tokens, *draft], wants_logits, adapter, len(draft))


def row_of(sequence: LiveSequence, span: int) -> SampleRow:
    """Sample for the sequence from the span of that index."""
    assert sequence.sampler is not None
    return SampleRow(span, sequence.sampler, sequence.spec.top_logprobs)
