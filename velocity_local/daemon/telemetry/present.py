"""The daemon's present state as gauges. Loaded only when a metrics page is asked for."""

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from velocity_local.wire.http.admin import StatusAnswer, WorkerItem

_WORKER_GAUGES: tuple[tuple[str, str, Callable[[WorkerItem], float | None]], ...] = (
    ("velocity_model_ready", "1 if the model can answer", lambda w: float(w.state == "ready")),
    ("velocity_running_requests", "Requests in the engine", lambda w: w.running),
    ("velocity_waiting_requests", "Requests before the engine", lambda w: w.waiting + w.pending),
    ("velocity_kv_used_cells", "Cells of the KV cache in use, in tokens", lambda w: w.used_cells),
    ("velocity_kv_cells", "Cells of the KV cache, in tokens", lambda w: w.cells),
    ("velocity_step_seconds", "The engine's last step", lambda w: w.step_ms / 1000),
    ("velocity_worker_resident_bytes", "Memory of the worker's process", lambda w: w.rss_bytes),
)


def families(status: StatusAnswer) -> Iterator[Metric]:
    """One family for each gauge, with a sample for each worker where it is a worker's."""
    for name, about, value_of in _WORKER_GAUGES:
        gauge = GaugeMetricFamily(name, about, labels=("model",))
        for worker in status.workers:
            value = value_of(worker)
            if value is not None:
                gauge.add_metric((worker.model,), value)
        yield gauge
    restarts = CounterMetricFamily(
        "velocity_worker_restarts", "Workers that died and were replaced", labels=("model",)
    )
    for worker in status.workers:
        restarts.add_metric((worker.model,), worker.restarts)
    yield restarts
    yield GaugeMetricFamily(
        "velocity_ready", "1 if a model can answer", value=float(status.is_ready)
    )
    yield GaugeMetricFamily(
        "velocity_queued_requests", "Requests that no engine has begun", value=status.waiting
    )
    if status.queue is not None:
        yield GaugeMetricFamily(
            "velocity_queued_tokens", "Prompt tokens in these, about", value=status.queue.tokens
        )
    yield GaugeMetricFamily(
        "velocity_uptime_seconds", "Since the daemon's start", value=status.uptime_s
    )
    yield GaugeMetricFamily(
        "velocity_daemon_resident_bytes", "Memory of the daemon", value=status.rss_bytes
    )
    yield from _history(status)


def _history(status: StatusAnswer) -> Iterator[Metric]:
    history = status.history
    yield GaugeMetricFamily(
        "velocity_history_degraded",
        "1 while rows are held in memory because the disk does not take them",
        value=float(history.degraded is not None),
    )
    yield GaugeMetricFamily(
        "velocity_history_held_rows", "Rows held in memory", value=history.held_rows
    )
    yield CounterMetricFamily(
        "velocity_history_lost_rows", "Rows that were lost", value=history.lost_rows
    )
    yield CounterMetricFamily(
        "velocity_lost_log_records", "Log records that were dropped", value=status.lost_log_records
    )
