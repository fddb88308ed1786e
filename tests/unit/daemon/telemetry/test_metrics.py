"""The metrics page: right names, right sums, bounded labels, and cheap until asked for."""

import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

from tests.unit.daemon.store.rows import row
from velocity_local.daemon.telemetry.metrics import Metrics
from velocity_local.wire.http.admin import HistoryState, StatusAnswer, WorkerItem

WORKER = WorkerItem(
    model="demo", state="ready", pid=1, started_s=0.0, restarts=3, resumes=2, running=4, waiting=1,
    pending=2, used_cells=100, cells=2048, step_ms=2.0, rss_bytes=None, load_ms=1.0,
    last_error=None,
)  # fmt: skip
STATUS = StatusAnswer(
    pid=1, release="0.1.0", started_s=0.0, uptime_s=9.0, host="h", port=1, base_urls={},
    is_ready=True, not_ready_reason="", waiting=5, workers=(WORKER,),
    history=HistoryState("disk full", 7, 1), lost_log_records=2, rss_bytes=1000, degraded=(),
)  # fmt: skip


def metrics() -> Metrics:
    return Metrics(
        release="0.1.0", is_known_model=lambda name: name == "demo", status=lambda: STATUS
    )


def samples(page: bytes) -> dict[str, float]:
    """Each sample as `name{a=b}`: value."""
    found = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_a_finished_request_is_counted_and_measured() -> None:
    counted = metrics()
    counted.observe(
        row("a", prompt_tokens=10, cached_tokens=4, completion_tokens=3, ttft_ms=30.0,
            queue_ms=2.0, prefill_ms=20.0, total_ms=400.0, resumes=1),
        [10.0, 10.0, 60.0],
    )  # fmt: skip
    found = samples(counted.render())
    requests = "dialect=openai,endpoint=/v1/chat/completions,model=demo,status_class=2xx"
    assert found[f"velocity_requests_total{{{requests}}}"] == 1
    assert found["velocity_prompt_tokens_total{model=demo}"] == 10
    assert found["velocity_cached_prompt_tokens_total{model=demo}"] == 4
    assert found["velocity_completion_tokens_total{model=demo}"] == 3
    assert found["velocity_request_resumes_total{model=demo}"] == 1
    first = "velocity_time_to_first_token_seconds"
    assert found[f"{first}_bucket{{le=0.025,model=demo}}"] == 0
    assert found[f"{first}_bucket{{le=0.05,model=demo}}"] == 1
    assert found[f"{first}_sum{{model=demo}}"] == 0.03
    assert found["velocity_inter_token_seconds_count{model=demo}"] == 3
    assert found["velocity_inter_token_seconds_bucket{le=0.01,model=demo}"] == 2
    assert found["velocity_queue_seconds_count{model=demo}"] == 1
    assert found["velocity_request_duration_seconds_bucket{le=0.5,model=demo}"] == 1
    assert "velocity_load_seconds_count{model=demo}" not in found


def test_failures_and_departures_are_told_apart() -> None:
    counted = metrics()
    refused = row("a", status="error", http_status=404, model="x", error_code="model_not_found")
    counted.observe(refused, [])
    counted.observe(row("b", status="cancelled", http_status=499), [])
    found = samples(counted.render())
    assert found["velocity_request_errors_total{code=model_not_found,model=other}"] == 1
    assert found["velocity_requests_cancelled_total{model=demo}"] == 1


def test_labels_stay_bounded_whatever_callers_send() -> None:
    counted = metrics()
    for number in range(500):
        counted.observe(
            row("a", model=f"m{number}", endpoint=f"/v1/{number}", http_status=400,
                error_code=f"code{number}"),
            [],
        )  # fmt: skip
    names = [name for name in samples(counted.render()) if name.startswith("velocity_request")]
    assert len(names) < 100


def test_the_present_is_asked_for_when_rendering() -> None:
    found = samples(metrics().render())
    assert found["velocity_running_requests{model=demo}"] == 4
    assert found["velocity_waiting_requests{model=demo}"] == 3
    assert found["velocity_kv_used_cells{model=demo}"] == 100
    assert found["velocity_kv_cells{model=demo}"] == 2048
    assert found["velocity_worker_restarts_total{model=demo}"] == 3
    assert found["velocity_model_ready{model=demo}"] == 1
    assert "velocity_worker_resident_bytes{model=demo}" not in found
    assert found["velocity_history_degraded"] == 1
    assert found["velocity_history_held_rows"] == 7
    assert found["velocity_history_lost_rows_total"] == 1
    assert found["velocity_lost_log_records_total"] == 2
    build = next(name for name in found if name.startswith("velocity_build_info"))
    assert "release=0.1.0" in build


def test_commits_are_measured() -> None:
    counted = metrics()
    counted.observe_commit(0.004, 16)
    found = samples(counted.render())
    assert found["velocity_history_commit_seconds_bucket{le=0.005}"] == 1
    assert found["velocity_history_committed_rows_total"] == 16


def test_observing_does_not_load_prometheus_client() -> None:
    program = (
        "import sys; from velocity_local.daemon.telemetry import metrics, sampler;"
        "sys.exit(any(name in sys.modules for name in ('prometheus_client', 'pynvml')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
