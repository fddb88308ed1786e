"""What is kept of each request, and what can be told of many."""

from typing import Literal

import msgspec

Status = Literal["running", "ok", "error", "cancelled", "interrupted"]


class RequestRow(msgspec.Struct, frozen=True):
    """One request as it is kept. Times in milliseconds; None where it does not apply.

    `status` is one of `Status`: a row is `running` from admission on, and a daemon that starts
    turns those its predecessor left into `interrupted`. `prompt_text` and `answer_text` stay
    None unless the user turned them on. `energy_j` is the request's time share of the power above
    idle (`daemon.telemetry.energy`); None where nothing tells power, and for the very short.
    Of `drafted_tokens` guesses that the engine checked, `accepted_tokens` came true.
    """

    id: str
    created_s: float
    dialect: str
    endpoint: str
    model: str
    fingerprint: str
    status: str
    http_status: int
    stream: bool
    parameters: str = "{}"
    client: str = ""
    choices: int = 1
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    queue_ms: float | None = None
    load_ms: float | None = None
    prefill_ms: float | None = None
    ttft_ms: float | None = None
    itl_p50_ms: float | None = None
    itl_p95_ms: float | None = None
    itl_max_ms: float | None = None
    decode_ms: float | None = None
    total_ms: float | None = None
    tokens_per_s: float | None = None
    finish_reason: str | None = None
    resumes: int = 0
    error_code: str | None = None
    error_message: str | None = None
    energy_j: float | None = None
    drafted_tokens: int | None = None
    accepted_tokens: int | None = None
    prompt_text: str | None = None
    answer_text: str | None = None


class Spread(msgspec.Struct, frozen=True):
    """How `count` values lie; percentiles are interpolated between neighbours."""

    count: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


class Traffic(msgspec.Struct, frozen=True):
    """What a set of requests amounts to. A spread is None if no request has that value.

    `requests_per_s` and `completion_tokens_per_s` are over the whole window, idle time included;
    `tokens_per_s` is the spread of each request's own decoding rate.
    """

    requests: int
    by_status: dict[str, int]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    resumes: int
    requests_per_s: float
    completion_tokens_per_s: float
    ttft_ms: Spread | None
    itl_ms: Spread | None
    queue_ms: Spread | None
    prefill_ms: Spread | None
    total_ms: Spread | None
    tokens_per_s: Spread | None


class Stats(msgspec.Struct, frozen=True):
    """Traffic of a window of wall-clock time, in all and for each model.

    Spreads are over the newest `spread_limit` requests of the window; the counts over all.
    """

    since_s: float
    until_s: float
    spread_limit: int
    total: Traffic
    models: dict[str, Traffic]
