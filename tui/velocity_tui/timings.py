"""What is told below an answer, from the figures that the engine measured."""

from collections.abc import Iterator

from velocity_local.core.history import RequestRow
from velocity_local.core.units import milliseconds

_ENDS = {"length": "cut off at the token limit", "content_filter": "filtered"}


def told(row: RequestRow) -> str:
    """One line."""
    return " · ".join(_parts(row))


def _parts(row: RequestRow) -> Iterator[str]:
    if row.prompt_tokens is not None:
        cached = f" ({row.cached_tokens} cached)" if row.cached_tokens else ""
        yield f"prompt {row.prompt_tokens} tokens{cached}"
    if row.completion_tokens is not None:
        yield f"answer {row.completion_tokens} tokens"
    if row.ttft_ms is not None:
        yield f"first token {milliseconds(row.ttft_ms)}"
    if row.tokens_per_s is not None:
        yield f"{row.tokens_per_s:.1f} tok/s"
    if row.total_ms is not None:
        yield f"total {milliseconds(row.total_ms)}"
    if row.resumes:
        yield f"resumed {row.resumes} times"
    if row.finish_reason in _ENDS:
        yield _ENDS[row.finish_reason]
