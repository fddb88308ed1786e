"""The history of requests: one row each, and the questions asked of them."""

import msgspec


class RequestRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request as it is kept. Times in milliseconds; None where it does not apply.

    `status` is ok, error, cancelled or interrupted. `prompt_text` and `answer_text` stay None
    unless the user turned them on.
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
    prompt_text: str | None = None
    answer_text: str | None = None
