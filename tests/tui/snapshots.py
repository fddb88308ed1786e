"""Values as a daemon would send them; a test changes only what it is about."""

from dataclasses import replace
from typing import Any

import msgspec

from velocity_local.core.history import RequestRow
from velocity_local.wire.http.admin import (
    CpuItem,
    GpuItem,
    HistoryState,
    MemoryItem,
    StatusAnswer,
    SystemAnswer,
    WorkerItem,
)
from velocity_tui.state import Snapshot, Trend, Up

ADDRESS = "http://127.0.0.1:8621"

WORKER = WorkerItem(
    model="demo",
    state="ready",
    pid=4711,
    started_s=1.7e9,
    restarts=0,
    resumes=0,
    running=0,
    waiting=0,
    pending=0,
    used_cells=1024,
    cells=4096,
    step_ms=10.0,
    rss_bytes=90_000_000,
    load_ms=120.0,
    last_error=None,
)
STATUS = StatusAnswer(
    pid=4710,
    release="0.1.0",
    started_s=1.7e9,
    uptime_s=60.0,
    host="127.0.0.1",
    port=8621,
    base_urls={"openai": f"{ADDRESS}/v1"},
    is_ready=True,
    not_ready_reason="",
    waiting=0,
    workers=(WORKER,),
    history=HistoryState(None, 0, 0),
    lost_log_records=0,
    rss_bytes=60_000_000,
    degraded=(),
)
SYSTEM = SystemAnswer(
    os="Linux",
    machine="x86_64",
    python="3.11",
    cpu=CpuItem("A processor", 2, 2, (0.5, 0.25), None, 1.5),
    memory=MemoryItem(16_000_000_000, 12_000_000_000, 0, 0),
    process_rss_bytes=60_000_000,
    disk_free_bytes=10**12,
    gpus=(),
    gpu_driver=None,
    gpu_reason="no NVIDIA driver is installed",
)
GPU = GpuItem(0, "A card", "GPU-1", 24_000_000_000, 6_000_000_000, 0.75, 210.0, 61.0)
ROW = RequestRow(
    id="req-1",
    created_s=1.7e9,
    dialect="openai",
    endpoint="/v1/chat/completions",
    model="demo",
    fingerprint="0123456789abcdef",
    status="ok",
    http_status=200,
    stream=True,
    prompt_tokens=12,
    cached_tokens=8,
    completion_tokens=34,
    queue_ms=1.0,
    load_ms=0.0,
    prefill_ms=20.0,
    ttft_ms=25.0,
    decode_ms=300.0,
    total_ms=330.0,
    tokens_per_s=110.0,
    finish_reason="stop",
)


def snapshot(**changes: Any) -> Snapshot:
    """A daemon with the demo model, idle, after one look."""
    known = Snapshot(
        link=Up(ADDRESS),
        status=STATUS,
        system=SYSTEM,
        recent=(ROW,),
        trend=Trend((0.0,), (0.4,), (0.25,), (0.0,)),
    )
    return replace(known, **changes)


def status(**changes: Any) -> StatusAnswer:
    return msgspec.structs.replace(STATUS, **changes)


def worker(**changes: Any) -> WorkerItem:
    return msgspec.structs.replace(WORKER, **changes)
