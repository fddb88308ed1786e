"""Requests of runs as CSV (RFC 4180), a line for each, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Callable

from velocity_local.lens.results import RequestRecord, ResultFile, RunResult

_RUN: dict[str, Callable[[RunResult], object]] = {
    "run_id": lambda run: run.id,
    "run_name": lambda run: run.name,
    "provider": lambda run: run.provider,
    "model": lambda run: run.model,
    "scenario": lambda run: run.scenario,
    "workload": lambda run: run.workload,
}
_PLAIN = (
    "index",
    "prompt_id",
    "cache_state",
    "intended_start_s",
    "start_s",
    "sent_s",
    "connect_ms",
    "ttft_ms",
    "ttfo_ms",
    "e2e_ms",
    "itl_kind",
)
_OUTCOME = (
    "error_kind",
    "error_message",
    "status",
    "retries",
    "retry_wait_ms",
    "finish_reason",
    "output_digest",
    "check",
    "cost",
)
_SERVER = ("queue_ms", "load_ms", "prefill_ms", "decode_ms")
_TOKENS = ("source", "prompt", "output", "reasoning", "cached")
COLUMNS = (
    *_RUN,
    *_PLAIN,
    "itl_ms",
    *(f"server_{name}" for name in _SERVER),
    *(f"tokens_{name}" for name in _TOKENS),
    *_OUTCOME,
)
"""`itl_ms` holds all inter-token times of the request, with spaces between them."""


def encode_csv(file: ResultFile) -> bytes:
    """Runs that only counted have no lines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for run in file.runs:
        about = [read(run) for read in _RUN.values()]
        writer.writerows(
            [_inert(value) for value in (*about, *_cells(record))] for record in run.records
        )
    return text.getvalue().encode()


def _cells(record: RequestRecord) -> list[object]:
    return [
        *(getattr(record, name) for name in _PLAIN),
        " ".join(f"{value:g}" for value in record.itl_ms),
        *(getattr(record.server, name, None) for name in _SERVER),
        *(getattr(record.tokens, name, None) for name in _TOKENS),
        *(getattr(record, name) for name in _OUTCOME),
    ]


def _inert(value: object) -> object:
    """Text that a spreadsheet would run as a formula begins with an apostrophe (CSV injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
