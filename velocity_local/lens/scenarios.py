"""A scenario: what to ask of whom, how often, and what counts as good. Values only."""

from typing import Annotated, Any, Literal

import msgspec

from velocity_local.lens.loads import AnyLoad, Count, Iterations, Positive
from velocity_local.lens.results import CacheState

_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key of a scenario's file may be."""


class Target(_Section, frozen=True, kw_only=True):
    """The server. Without `url` it is the provider's own, or this user's daemon.

    `url` ends in the API's version where it has one (`http://127.0.0.1:8000/v1`). The key is read
    from the variable `key_env`, or from the system's keyring entry `keyring` ("service/user").
    """

    provider: str = "velocity_local"
    url: str | None = None
    model: str = ""
    key_env: str | None = None
    keyring: str | None = None


class Synthetic(_Section, frozen=True, kw_only=True, tag_field="kind", tag="synthetic"):
    """Prompts of random words.

    `shared_share` of each prompt is the same for all of them. `turns` makes conversations, each
    turn with a prompt of its own. `tools` offers so many made-up functions.
    """

    prompt_tokens: Count = 128
    output_tokens: Count = 64
    shared_share: _Share = 0.0
    turns: Count = 1
    tools: Annotated[int, msgspec.Meta(ge=0, le=128)] = 0
    prompts: Count | None = None


class PromptFile(_Section, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """Prompts of a file: JSON lines, or a text with one prompt a line.

    The path counts from the working folder. A JSON line has `prompt` (text) or `messages`, and
    may have `id`, `max_tokens`, `tools`, and a check of the answer: `contains` or `matches` (a
    regular expression).
    """

    path: str
    output_tokens: Count | None = None


class Embeddings(_Section, frozen=True, kw_only=True, tag_field="kind", tag="embeddings"):
    """Texts of random words to embed, `batch` in a request."""

    input_tokens: Count = 128
    batch: Count = 1


Workload = Synthetic | PromptFile | Embeddings


class Patience(_Section, frozen=True, kw_only=True):
    """How long to wait, in seconds."""

    connect_s: Positive = 10.0
    first_byte_s: Positive = 600.0
    stall_s: Positive = 120.0
    total_s: Positive = 3600.0


class Retries(_Section, frozen=True, kw_only=True):
    """Failures that may pass are asked again up to `most` times, after the time that the server
    asks for, else after a random part of `first_wait_s`, doubled each time. Never once text came,
    nor if the server wants a wait longer than `longest_wait_s`.
    """

    most: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    first_wait_s: Positive = 0.5
    longest_wait_s: Positive = 60.0


class Quota(_Section, frozen=True, kw_only=True):
    """What the provider allows; requests wait for it, and the wait is no latency."""

    requests_per_min: Positive | None = None
    tokens_per_min: Positive | None = None


class Slo(_Section, frozen=True, kw_only=True):
    """What a request must keep to be good, in milliseconds; `share` of all must be good."""

    ttft_ms: Positive | None = None
    tpot_ms: Positive | None = None
    e2e_ms: Positive | None = None
    share: _Share = 0.95


class Scenario(_Section, frozen=True, kw_only=True):
    """One run. `extra` goes into every request's body as it is.

    `cache` says what the server's prompt cache holds: `cold` prompts are never seen before, `warm`
    ones were answered once before, `prefix_shared` ones share a beginning that was, `restored` ones
    were answered before the model was unloaded and loaded again. Without it made-up prompts are
    cold, and those of a file are sent as they are: `uncontrolled`.

    Without `temperature` it is 0 but for OpenAI's and Anthropic's own servers, whose newer models
    refuse the field; "default" never sends it.
    """

    name: str = "run"
    target: Target = Target()
    workload: Workload = Synthetic()
    load: AnyLoad = Iterations()
    cache: CacheState | None = None
    warmup_requests: Annotated[int, msgspec.Meta(ge=0)] = 2
    patience: Patience = Patience()
    retries: Retries = Retries()
    quota: Quota = Quota()
    slo: Slo | None = None
    seed: int = 0
    temperature: _NotNegative | Literal["default"] | None = None
    exact_output: bool = True
    reuse_connections: bool = True
    keep_records: Annotated[int, msgspec.Meta(ge=0)] = 1000
    labels: dict[str, str] = {}
    extra: dict[str, Any] = {}

    @property
    def cache_state(self) -> CacheState:
        if self.cache is not None:
            return self.cache
        is_file = isinstance(self.workload, PromptFile)
        return CacheState.UNCONTROLLED if is_file else CacheState.COLD
