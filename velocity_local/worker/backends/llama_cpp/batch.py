"""Spans of sequences to the library's batch arrays."""

from collections.abc import Sequence

import numpy as np

from velocity_local.worker.backends.llama_cpp.native import Batch
from velocity_local.worker.engine.backend import Span


def fill(batch: Batch, spans: Sequence[Span]) -> list[int]:
    """Write the spans one after another; returns the index of each one's last token.

    A batch has few spans, of one token (decode) or of many (prefill), and both are quick.
    """
    token, pos, sequence, wants_output = batch.token, batch.pos, batch.sequence, batch.wants_output
    last_rows = []
    at = 0
    for span in spans:
        end = at + len(span.tokens)
        if end - at == 1:
            token[at] = span.tokens[0]
            pos[at] = span.start
            sequence[at] = span.sequence
        else:
            token[at:end] = span.tokens
            pos[at:end] = np.arange(span.start, span.start + end - at)
            sequence[at:end] = span.sequence
            wants_output[at:end] = 0
        wants_output[end - 1 - span.n_drafted : end] = span.wants_logits
        last_rows.append(end - 1)
        at = end
    return last_rows
