"""Counts and measures for Prometheus. Labels are bounded: models of the catalogue, codes of our
own error tree, endpoints of our own router; whatever else is "other".

Observing is plain arithmetic; prometheus-client is loaded and used only when a page is asked for.
"""

import platform
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from velocity_local.core.errors import BY_CODE
from velocity_local.core.history import RequestRow
from velocity_local.daemon.telemetry.buckets import (
    BETWEEN_TOKENS_S,
    COMMIT_S,
    FIRST_TOKEN_S,
    WAIT_S,
    WHOLE_REQUEST_S,
    Buckets,
)
from velocity_local.wire.http.admin import StatusAnswer
from velocity_local.wire.http.telemetry import TelemetryAnswer

if TYPE_CHECKING:
    from prometheus_client import Metric

OTHER = "other"
_S_PER_MS = 0.001
_MAX_ENDPOINTS = 64

# name: (what it is, bounds), each for every model, fed from the row's field of `_MEASURED`
_HISTOGRAMS: dict[str, tuple[str, Sequence[float]]] = {
    "velocity_time_to_first_token_seconds": ("From request to first token", FIRST_TOKEN_S),
    "velocity_inter_token_seconds": ("Between two tokens of an answer", BETWEEN_TOKENS_S),
    "velocity_queue_seconds": ("Waiting for a place in the engine", WAIT_S),
    "velocity_load_seconds": ("Waiting for the model to be loaded", WAIT_S),
    "velocity_prefill_seconds": ("Computing the prompt", FIRST_TOKEN_S),
    "velocity_request_duration_seconds": ("From request to last token", WHOLE_REQUEST_S),
}
_MEASURED = {
    "velocity_time_to_first_token_seconds": "ttft_ms",
    "velocity_queue_seconds": "queue_ms",
    "velocity_load_seconds": "load_ms",
    "velocity_prefill_seconds": "prefill_ms",
    "velocity_request_duration_seconds": "total_ms",
}
_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "velocity_requests": ("Requests that ended", ("model", "dialect", "endpoint", "status_class")),
    "velocity_request_errors": ("Requests that ended in an error", ("model", "code")),
    "velocity_requests_cancelled": ("Requests whose client left", ("model",)),
    "velocity_prompt_tokens": ("Tokens of prompts", ("model",)),
    "velocity_cached_prompt_tokens": ("Tokens of prompts found in the cache", ("model",)),
    "velocity_completion_tokens": ("Tokens of answers", ("model",)),
    "velocity_request_resumes": ("Times a request went on in another worker", ("model",)),
}


class Metrics:
    """Fed by the gateway and the history; `status` and `machine` are asked for the present when
    rendering.
    """

    def __init__(
        self,
        *,
        release: str,
        is_known_model: Callable[[str], bool],
        status: Callable[[], StatusAnswer],
        machine: Callable[[], TelemetryAnswer | None] = lambda: None,
    ) -> None:
        self._release = release
        self._is_known_model = is_known_model
        self._status = status
        self._machine = machine
        self._counters: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
        self._histograms: dict[tuple[str, str], Buckets] = {}
        self._endpoints: set[str] = set()
        self._commits = Buckets(COMMIT_S)
        self._committed_rows = 0

    def observe(self, row: RequestRow, itl_ms: Sequence[float]) -> None:
        """A request has ended, with these times between its tokens."""
        model = row.model if self._is_known_model(row.model) else OTHER
        endpoint = self._bounded_endpoint(row.endpoint)
        status_class = f"{row.http_status // 100}xx"
        self._count("velocity_requests", (model, row.dialect, endpoint, status_class))
        if row.status == "cancelled":
            self._count("velocity_requests_cancelled", (model,))
        if row.error_code is not None:
            code = row.error_code if row.error_code in BY_CODE else OTHER
            self._count("velocity_request_errors", (model, code))
        self._count("velocity_prompt_tokens", (model,), row.prompt_tokens or 0)
        self._count("velocity_cached_prompt_tokens", (model,), row.cached_tokens or 0)
        self._count("velocity_completion_tokens", (model,), row.completion_tokens or 0)
        self._count("velocity_request_resumes", (model,), row.resumes)
        for name, field in _MEASURED.items():
            value_ms: float | None = getattr(row, field)
            if value_ms is not None:
                self._histogram(name, model).observe(value_ms * _S_PER_MS)
        if itl_ms:
            between = self._histogram("velocity_inter_token_seconds", model)
            between.observe_many(itl_ms, scale=_S_PER_MS)

    def observe_commit(self, seconds: float, rows: int) -> None:
        """The history has committed; called on its own thread, and nobody else's."""
        self._commits.observe(seconds)
        self._committed_rows += rows

    def render(self) -> bytes:
        """The page in Prometheus' text format 0.0.4; may be called on any thread."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - 50 ms

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Page([*self._families()]))
        return generate_latest(registry)

    def _count(self, name: str, labels: tuple[str, ...], amount: float = 1) -> None:
        if amount:
            self._counters[name, labels] += amount

    def _histogram(self, name: str, model: str) -> Buckets:
        found = self._histograms.get((name, model))
        if found is None:
            found = self._histograms[name, model] = Buckets(_HISTOGRAMS[name][1])
        return found

    def _bounded_endpoint(self, endpoint: str) -> str:
        if endpoint not in self._endpoints and len(self._endpoints) >= _MAX_ENDPOINTS:
            return OTHER
        self._endpoints.add(endpoint)
        return endpoint

    def _families(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415 - as in `render`
            CounterMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        from velocity_local.daemon.telemetry import machine_gauges  # noqa: PLC0415 - as above
        from velocity_local.daemon.telemetry.present import families  # noqa: PLC0415 - as above

        build = {"release": self._release, "python": platform.python_version()}
        yield InfoMetricFamily("velocity_build", "What runs here", value=build)
        counters = list(self._counters.items())
        for name, (about, label_names) in _COUNTERS.items():
            counter = CounterMetricFamily(name, about, labels=label_names)
            for (owner, labels), value in counters:
                if owner == name:
                    counter.add_metric(labels, value)
            yield counter
        histograms = list(self._histograms.items())
        for name, (about, _) in _HISTOGRAMS.items():
            histogram = HistogramMetricFamily(name, about, labels=("model",))
            for (owner, model), buckets in histograms:
                if owner == name:
                    histogram.add_metric((model,), buckets.cumulative(), buckets.sum)
            yield histogram
        yield HistogramMetricFamily(
            "velocity_history_commit_seconds",
            "Making a group of history rows durable",
            buckets=self._commits.cumulative(),
            sum_value=self._commits.sum,
        )
        yield CounterMetricFamily(
            "velocity_history_committed_rows", "Rows made durable", value=self._committed_rows
        )
        yield from families(self._status())
        snapshot = self._machine()
        if snapshot is not None:
            yield from machine_gauges.families(snapshot)


class _Page:
    """What prometheus-client takes for a collector."""

    def __init__(self, families: "list[Metric]") -> None:
        self._families = families

    def collect(self) -> "list[Metric]":
        return self._families
