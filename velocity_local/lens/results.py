"""What a run measured, as frozen values. Knows neither how it was measured nor how it is shown.

Times are seconds since the run began, durations milliseconds; None means "not known", never zero.
A run's file is one `ResultFile`; its JSON schema is published (`lens/schema.py`).
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from velocity_local.lens.faults import FaultKind

Fact = str | int | float | bool | None
FORMAT = "lens-results/1"
Amount = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class CacheState(StrEnum):
    """What the server's prompt cache held for a request. Figures of two states are never mixed."""

    COLD = "cold"
    WARM = "warm"
    PREFIX_SHARED = "prefix_shared"
    RESTORED = "restored"
    UNCONTROLLED = "uncontrolled"


class ItlKind(StrEnum):
    """What an inter-token time lies between: tokens by the server's clock, or chunks as they came.

    A chunk may hold several tokens, so the two kinds are never compared with each other.
    """

    TOKEN = "token"  # noqa: S105 - no secret
    CHUNK = "chunk"


class CountSource(StrEnum):
    """Who counted the tokens: the server, a tokenizer of ours, or nobody and chunks are counted."""

    SERVER = "server"
    TOKENIZER = "tokenizer"
    CHUNKS = "chunks"


class CheckOutcome(StrEnum):
    """What became of the check that a prompt carries for its answer."""

    NONE = "none"
    PASSED = "passed"
    FAILED = "failed"


class LoadKind(StrEnum):
    """How requests arrive. Those before CONSTANT are closed loops, the next ones open loops."""

    ITERATIONS = "iterations"
    CONCURRENCY = "concurrency"
    CONSTANT = "constant"
    POISSON = "poisson"
    BURST = "burst"
    RAMP = "ramp"
    STEP = "step"
    REPLAY = "replay"
    PASSIVE = "passive"
    ENGINE = "engine"


class Metric(StrEnum):
    """What is counted or timed. The first group has a value for each request, the second for a run.

    `ttft_ms`, `ttfo_ms` and `e2e_ms` run from the intended start, so that a server that makes its
    clients wait does not look fast (coordinated omission); `service_*` run from sending. Time for
    connecting is in `connect_ms` alone.
    """

    TTFT_MS = "ttft_ms"
    TTFO_MS = "ttfo_ms"
    E2E_MS = "e2e_ms"
    SERVICE_TTFT_MS = "service_ttft_ms"
    SERVICE_E2E_MS = "service_e2e_ms"
    ITL_MS = "itl_ms"
    TPOT_MS = "tpot_ms"
    CONNECT_MS = "connect_ms"
    QUEUE_MS = "queue_ms"
    PREFILL_MS = "prefill_ms"
    DECODE_MS = "decode_ms"
    OUTPUT_TOKENS_PER_S = "output_tokens_per_s"

    REQUESTS_PER_S = "requests_per_s"
    TOTAL_OUTPUT_TOKENS_PER_S = "total_output_tokens_per_s"
    ERROR_SHARE = "error_share"
    WRONG_SHARE = "wrong_share"
    JOULES_PER_TOKEN = "joules_per_token"  # noqa: S105 - no secret
    COST_PER_1000_REQUESTS = "cost_per_1000_requests"


class Tokens(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one request; `output` holds `reasoning`, `prompt` holds `cached`."""

    source: CountSource
    prompt: Count | None = None
    output: Count | None = None
    reasoning: Count | None = None
    cached: Count | None = None


class ServerTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the server says its time went."""

    queue_ms: Amount | None = None
    load_ms: Amount | None = None
    prefill_ms: Amount | None = None
    decode_ms: Amount | None = None


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request. Its durations begin when its last attempt is sent on an open connection.

    `start_s` is when the client turned to it (before connecting and before any retry),
    `intended_start_s` when the load asked for it. `sent_s` is when its last attempt was sent.
    `itl_ms` holds the times between tokens or chunks after the first. `ttfo_ms` ends with the
    first output that is not reasoning. `connect_ms` None means that the connection was there.
    `output_digest` is the SHA-256 of the whole answer, in hexadecimal digits.
    """

    index: Count
    intended_start_s: float
    start_s: float
    sent_s: float
    cache_state: CacheState
    prompt_id: str = ""
    connect_ms: Amount | None = None
    ttft_ms: Amount | None = None
    ttfo_ms: Amount | None = None
    itl_ms: tuple[Amount, ...] = ()
    itl_kind: ItlKind = ItlKind.CHUNK
    e2e_ms: Amount | None = None
    server: ServerTimes | None = None
    tokens: Tokens | None = None
    error_kind: FaultKind | None = None
    error_message: str | None = None
    status: Count | None = None
    retries: Count = 0
    retry_wait_ms: Amount = 0.0
    finish_reason: str | None = None
    output_digest: str | None = None
    check: CheckOutcome = CheckOutcome.NONE
    cost: Amount | None = None

    @property
    def wait_ms(self) -> float:
        """From the intended start to sending, connecting left out: the queue and the retries."""
        return (self.sent_s - self.intended_start_s) * 1000 - (self.connect_ms or 0.0)

    @property
    def is_ok(self) -> bool:
        """Whether it was answered, and rightly as far as that was checked."""
        return self.error_kind is None and self.check is not CheckOutcome.FAILED


class HistogramData(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by bucket, mergeable; `lens/histogram.py` knows what the buckets mean.

    `unit` is the smallest step told apart; `total` is the exact sum of all values.
    """

    unit: Annotated[float, Meta(gt=0)]
    precision_bits: Annotated[int, Meta(ge=2, le=30)]
    counts: dict[Count, Annotated[int, Meta(ge=1)]]
    n: Count
    total: Amount
    smallest: Amount
    largest: Amount


class Slices(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered in each slice of the window, of `width_s` seconds, from its beginning."""

    width_s: Annotated[float, Meta(gt=0)]
    requests: tuple[Amount, ...]
    output_tokens: tuple[Amount, ...]


class Load(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The load that was asked for; what does not apply is None."""

    kind: LoadKind
    concurrency: Count | None = None
    rate_per_s: Amount | None = None
    n_requests: Count | None = None
    duration_s: Amount | None = None
    warmup_requests: Count = 0
    seed: int | None = None
    detail: dict[str, Fact] = {}


class Environment(msgspec.Struct, frozen=True, omit_defaults=True):
    """Facts that a figure depends on, by name (`cpu`, `engine.version`, `git.commit`)."""

    machine: dict[str, Fact] = {}
    server: dict[str, Fact] = {}
    client: dict[str, Fact] = {}


class ClientOverhead(msgspec.Struct, frozen=True, kw_only=True):
    """What measuring cost: the delay the client added, and its share of one core."""

    delay_p50_ms: Amount
    delay_p99_ms: Amount
    cpu_share: Amount


class Energy(msgspec.Struct, frozen=True, kw_only=True):
    """Energy of the measured window with the idle baseline taken off, both in joules."""

    joules: float
    uncertainty_joules: Amount
    idle_watts: float
    method: str


class EnginePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Speed of one engine test, once for each repetition: a prompt's prefill, or decoding."""

    test: str
    n_prompt_tokens: Count
    n_output_tokens: Count
    depth_tokens: Count
    batch: Count
    tokens_per_s: tuple[Amount, ...]


class Side(StrEnum):
    """Which of two runs that were made in turns."""

    BEFORE = "before"
    AFTER = "after"


class Pairing(msgspec.Struct, frozen=True):
    """Two runs of the same `id` were made in turns, request by request (`lens/in_turns.py`)."""

    id: str
    side: Side


class RunResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured run at one load.

    `started_at_s` is Unix time; `duration_s` the measured window, warm-up left out. A run either
    keeps its `records` or, if there were too many or it was distributed, `histograms` by metric
    and `slices` by time. `n_good` counts the requests that kept the scenario's SLO, where it has
    one. `batch_cost` is what the provider's batch API would ask for the same. `series` ties the
    runs of a sweep together, `pairing` two that were made in turns: their clocks stood still while
    it was the other's turn. `void_reason` says why its figures must not be used, `partial_reason`
    why it ended before its time.
    """

    id: str
    started_at_s: float
    name: str
    provider: str
    model: str
    scenario: str
    workload: str
    cache_state: CacheState
    load: Load
    duration_s: Amount
    n_requests: Count
    series: str | None = None
    pairing: Pairing | None = None
    n_errors: dict[FaultKind, Count] = {}
    n_wrong: Count = 0
    n_good: Count | None = None
    n_retries: Count = 0
    n_output_tokens: Count | None = None
    itl_kind: ItlKind = ItlKind.CHUNK
    records: tuple[RequestRecord, ...] = ()
    histograms: dict[Metric, HistogramData] = {}
    slices: Slices | None = None
    engine: tuple[EnginePoint, ...] = ()
    environment: Environment = Environment()
    client_overhead: ClientOverhead | None = None
    energy: Energy | None = None
    cost: Amount | None = None
    batch_cost: Amount | None = None
    currency: str | None = None
    prices_dated: str | None = None
    void_reason: str | None = None
    partial_reason: str | None = None
    labels: dict[str, str] = {}

    @property
    def is_answered(self) -> bool:
        """Whether a request did not fail."""
        return self.n_requests > sum(self.n_errors.values())


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """One or more runs as they are written; `format` names the shape and its version."""

    runs: tuple[RunResult, ...]
    written_by: str
    format: str = FORMAT
