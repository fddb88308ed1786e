"""What a listener hears while a run goes on."""

from collections.abc import Callable

import msgspec

from velocity_local.lens.results import RequestRecord, RunResult


class Preparing(msgspec.Struct, frozen=True, tag=True):
    """Before the measured window: `what` is being done."""

    what: str


class Began(msgspec.Struct, frozen=True, tag=True):
    """The measured window begins. `n_requests` None means that a time ends it."""

    name: str
    model: str
    n_requests: int | None
    duration_s: float | None


class Answered(msgspec.Struct, frozen=True, tag=True):
    """A request ended, well or not."""

    record: RequestRecord


class Progress(msgspec.Struct, frozen=True, tag=True):
    """How far the run is; percentiles are of the latest requests, None where nobody knows them."""

    elapsed_s: float
    n_done: int
    n_failed: int
    n_running: int
    n_output_tokens: int
    ttft_p50_ms: float | None = None
    ttft_p99_ms: float | None = None
    itl_p50_ms: float | None = None
    itl_p99_ms: float | None = None


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The run is over."""

    result: RunResult


Event = Preparing | Began | Answered | Progress | Ended
Listener = Callable[[Event], None]
