"""Writes the Grafana dashboard from the table of panels: `--write`, or `--check` it is current.

The JSON is Grafana's dashboard model (schema version 39, Grafana 10 and later); its data source is
any Prometheus that scrapes the daemon's /metrics.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("velocity-local.json")
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_MODEL = '{model=~"$model"}'
_HEIGHT, _WIDTH = 8, 8
_COLUMNS = 24


@dataclass(frozen=True)
class Panel:
    """A plot over time: what it shows, in Grafana's unit, and each line's legend and query."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    about: str = ""


def _quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    rate = f"sum by (le, model) (rate({metric}_bucket{_MODEL}[$__rate_interval]))"
    return tuple(
        (f"{{{{model}}}} p{share * 100:g}", f"histogram_quantile({share:g}, {rate})")
        for share in (0.5, 0.95, 0.99)
    )


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{_MODEL}[$__rate_interval]))"


_REQUESTS = _rate("velocity_requests_total", "model, status_class")
_CACHED = _rate("velocity_cached_prompt_tokens_total", "model")
_CACHED_SHARE = f"{_CACHED} / {_rate('velocity_prompt_tokens_total', 'model')}"
_COMMITS = "rate(velocity_history_commit_seconds_bucket[$__rate_interval])"

ROWS: dict[str, tuple[Panel, ...]] = {
    "Latency": (
        Panel("Time to first token", "s", _quantiles("velocity_time_to_first_token_seconds")),
        Panel("Between tokens", "s", _quantiles("velocity_inter_token_seconds")),
        Panel("Whole request", "s", _quantiles("velocity_request_duration_seconds")),
        Panel("Waiting for the engine", "s", _quantiles("velocity_queue_seconds")),
        Panel("Computing the prompt", "s", _quantiles("velocity_prefill_seconds")),
        Panel("Waiting for the model to load", "s", _quantiles("velocity_load_seconds")),
    ),
    "Traffic": (
        Panel(
            "Requests",
            "reqps",
            (("{{model}} {{status_class}}", _REQUESTS),),
        ),
        Panel(
            "Tokens",
            "cps",
            (
                ("{{model}} answered", _rate("velocity_completion_tokens_total", "model")),
                ("{{model}} read", _rate("velocity_prompt_tokens_total", "model")),
            ),
        ),
        Panel(
            "Prompt tokens found in the cache",
            "percentunit",
            (("{{model}}", _CACHED_SHARE),),
        ),
        Panel(
            "Errors",
            "reqps",
            (("{{model}} {{code}}", _rate("velocity_request_errors_total", "model, code")),),
        ),
        Panel(
            "Clients that left",
            "reqps",
            (("{{model}}", _rate("velocity_requests_cancelled_total", "model")),),
        ),
        Panel(
            "Crashes and streams that went on",
            "short",
            (
                (
                    "{{model}} workers replaced",
                    f"increase(velocity_worker_restarts_total{_MODEL}[$__rate_interval])",
                ),
                (
                    "{{model}} requests resumed",
                    f"increase(velocity_request_resumes_total{_MODEL}[$__rate_interval])",
                ),
            ),
            "A worker that dies is replaced, and its streams go on from the next token.",
        ),
    ),
    "Engine": (
        Panel(
            "Requests in the engine and before it",
            "short",
            (
                ("{{model}} running", f"velocity_running_requests{_MODEL}"),
                ("{{model}} waiting", f"velocity_waiting_requests{_MODEL}"),
            ),
        ),
        Panel(
            "KV cache in use",
            "percentunit",
            (("{{model}}", f"velocity_kv_used_cells{_MODEL} / velocity_kv_cells{_MODEL}"),),
        ),
        Panel("Engine step", "s", (("{{model}}", f"velocity_step_seconds{_MODEL}"),)),
        Panel(
            "Memory",
            "bytes",
            (
                ("{{model}}", f"velocity_worker_resident_bytes{_MODEL}"),
                ("daemon", "velocity_daemon_resident_bytes"),
            ),
        ),
        Panel(
            "History commits",
            "s",
            (("p99", f"histogram_quantile(0.99, sum by (le) ({_COMMITS}))"),),
            "A finish marker is sent after its row is on disk.",
        ),
        Panel(
            "What should stay at zero",
            "short",
            (
                ("history degraded", "velocity_history_degraded"),
                ("rows held in memory", "velocity_history_held_rows"),
                ("rows lost", "velocity_history_lost_rows_total"),
                ("log records lost", "velocity_lost_log_records_total"),
            ),
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """The whole dashboard, for Grafana's import."""
    return {
        "title": "velocity-local",
        "uid": "velocity-local",
        "description": "Latency, traffic and engine of a velocity-local daemon",
        "tags": ["llm"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _panels(),
    }


def text() -> str:
    """As it is written."""
    return json.dumps(dashboard(), indent=2) + "\n"


def _variables() -> list[dict[str, Any]]:
    query = "label_values(velocity_model_ready, model)"
    return [
        {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"},
        {
            "name": "model",
            "label": "Model",
            "type": "query",
            "datasource": _SOURCE,
            "definition": query,
            "query": {"query": query, "refId": "models"},
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    top = 0
    for name, panels in ROWS.items():
        place = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
        found.append(
            {"id": len(found) + 1, "type": "row", "title": name, "gridPos": place, "panels": []}
        )
        top += 1
        for number, panel in enumerate(panels):
            across, down = number % 3, number // 3
            place = {"h": _HEIGHT, "w": _WIDTH, "x": across * _WIDTH, "y": top + down * _HEIGHT}
            found.append(_panel(len(found) + 1, panel, place))
        top += -(-len(panels) // 3) * _HEIGHT
    return found


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"tooltip": {"mode": "multi"}, "legend": {"displayMode": "list"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend}
            for index, (legend, query) in enumerate(panel.lines)
        ],
    }


def main() -> int:
    if "--write" in sys.argv[1:]:
        FILE.write_text(text(), encoding="utf-8")
        return 0
    if FILE.read_text(encoding="utf-8") == text():
        return 0
    print(f"{FILE.name} is not current; run {Path(__file__).name} --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
