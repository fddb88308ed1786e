"""An observation as the record of a request. Pure."""

from dataclasses import dataclass

from velocity_local.lens.jobs import Check
from velocity_local.lens.measure import Observation
from velocity_local.lens.results import (
    CacheState,
    CheckOutcome,
    CountSource,
    ItlKind,
    RequestRecord,
    ServerTimes,
    Tokens,
)

_MS = 1000.0
_FEWEST_CLOCKS = 2
_MOST_CHUNKS_PER_TOKEN = 1.1
_MOST_CHUNKS_OF_NOTHING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the client knows of a request: seconds from the run's beginning."""

    index: int
    intended_s: float
    started_s: float
    sent_s: float
    cache_state: CacheState
    prompt_id: str = ""
    connect_ms: float | None = None
    retries: int = 0
    retry_wait_s: float = 0.0
    max_tokens: int | None = None
    check: Check | None = None


def record_of(asked: Asked, seen: Observation) -> RequestRecord:
    """The record. Times between tokens are the server's if it told of each, else the chunks'."""
    is_token_true = len(seen.clocks) >= _FEWEST_CLOCKS
    gaps = seen.token_gaps_ms() if is_token_true else seen.chunk_gaps_ms()
    fault = seen.fault
    times = seen.times if seen.times != ServerTimes() else None
    return RequestRecord(
        index=asked.index,
        intended_start_s=asked.intended_s,
        start_s=asked.started_s,
        sent_s=asked.sent_s,
        cache_state=asked.cache_state,
        prompt_id=asked.prompt_id,
        connect_ms=asked.connect_ms,
        ttft_ms=_since(seen.sent_s, seen.first_s),
        ttfo_ms=_since(seen.sent_s, seen.first_output_s),
        itl_ms=tuple(gaps),
        itl_kind=ItlKind.TOKEN if is_token_true else ItlKind.CHUNK,
        e2e_ms=_since(seen.sent_s, seen.end_s) if fault is None else None,
        server=times,
        tokens=tokens_of(seen, asked.max_tokens),
        error_kind=fault.kind if fault is not None else None,
        error_message=fault.message if fault is not None else None,
        status=seen.status or None,
        retries=asked.retries,
        retry_wait_ms=asked.retry_wait_s * _MS,
        finish_reason=seen.finish_reason,
        output_digest=seen.digest,
        check=_checked(asked.check, seen),
    )


def tokens_of(seen: Observation, max_tokens: int | None) -> Tokens | None:
    """The server's counts; chunks where it gives none, or one that cannot be.

    None if nothing is known.
    """
    counts = seen.counts
    n_chunks = len(seen.piece_s)
    if counts.completion is not None and is_plausible(seen, max_tokens):
        return Tokens(
            source=CountSource.SERVER,
            prompt=counts.prompt,
            output=counts.completion,
            reasoning=counts.reasoning,
            cached=counts.cached,
        )
    if n_chunks:
        return Tokens(
            source=CountSource.CHUNKS, prompt=counts.prompt, output=n_chunks, cached=counts.cached
        )
    if counts.prompt is not None:
        return Tokens(source=CountSource.SERVER, prompt=counts.prompt, cached=counts.cached)
    return None


def is_plausible(seen: Observation, max_tokens: int | None) -> bool:
    """Whether the count of output tokens can be true: hardly fewer than chunks with text, since a
    chunk holds a token at least (but for a rest given out at the end), nor more than were asked
    for, nor more cached than there were.
    """
    counts = seen.counts
    n = counts.completion
    if n is None:
        return True
    is_cache_sound = (counts.cached or 0) <= (counts.prompt or counts.cached or 0)
    is_enough = n * _MOST_CHUNKS_PER_TOKEN + _MOST_CHUNKS_OF_NOTHING >= len(seen.piece_s)
    return is_enough and (max_tokens is None or n <= max_tokens) and is_cache_sound


def _since(sent_s: float, then_s: float | None) -> float | None:
    return None if then_s is None else (then_s - sent_s) * _MS


def _checked(check: Check | None, seen: Observation) -> CheckOutcome:
    if check is None or seen.fault is not None:
        return CheckOutcome.NONE
    return check.outcome(seen.text(), seen.digest)
