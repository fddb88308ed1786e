"""Values as a daemon would send them; a test changes only what it is about."""

import math
from dataclasses import replace
from typing import Any

import msgspec

from velocity_local.core.history import RequestRow
from velocity_local.core.kv import KvEntry
from velocity_local.wire.http.admin import (
    CpuItem,
    GpuItem,
    HistoryState,
    MemoryItem,
    StatusAnswer,
    SystemAnswer,
    WorkerItem,
)
from velocity_local.wire.http.kv import KvItem, KvList
from velocity_local.wire.http.telemetry import DiskItem, PowerItem, ProcessItem, TelemetryAnswer
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
TELEMETRY = TelemetryAnswer(
    at_s=1.7e9,
    cpu=SYSTEM.cpu,
    memory=SYSTEM.memory,
    memory_pressure=None,
    disk=DiskItem(2 * 10**12, 10**12, 0.0, 1_500_000.0),
    processes=(
        ProcessItem(4710, "", 0.02, 60_000_000, 6),
        ProcessItem(4711, "demo", 1.6, 90_000_000, 5),
    ),
    gpus=(),
    power=PowerItem("RAPL", 38.0, {"cpu": 38.0}, 12.0, 0.0, {}),
    reasons={"gpus": "no NVIDIA driver is installed"},
)
KEPT = KvList(
    (
        KvItem(
            "demo",
            (
                KvEntry("device", 640, 0, 0, "", True, "You are a helpful assistant. Tell me"),
                KvEntry("device", 384, 0, 0, "", False, "Summarize this page for me, please"),
                KvEntry("memory", 900, 0, 7_000_000, "", False, "You are a careful reviewer"),
                KvEntry("disk", 2048, 0, 16_000_000, "", False, "The quick brown fox jumps"),
            ),
            7_000_000,
            1_000_000_000,
        ),
    ),
    disk_bytes=16_000_000,
    disk_limit_bytes=10_000_000_000,
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
        telemetry=TELEMETRY,
        kept=KEPT,
        recent=(ROW,),
        trend=Trend((0.0,), (0.4,), (0.25,), (0.0,)),
    )
    return replace(known, **changes)


def busy() -> Snapshot:
    """A machine with a GPU and two models, one of them at work."""
    waves = [0.5 + 0.4 * math.sin(second / 5) for second in range(60)]
    rows = tuple(
        msgspec.structs.replace(ROW, id=f"req-{number}", created_s=ROW.created_s - number)
        for number in range(2, 40)
    )
    running = msgspec.structs.replace(
        ROW, id="req-1", status="running", ttft_ms=None, total_ms=None, completion_tokens=None,
        tokens_per_s=None,
    )  # fmt: skip
    workers = (
        worker(running=3, waiting=1, used_cells=2900),
        worker(model="owner/larger-model-GGUF:Q4_K_M", cells=16_384, used_cells=900, pid=4712),
    )
    return snapshot(
        status=status(workers=workers, waiting=1),
        telemetry=msgspec.structs.replace(TELEMETRY, gpus=(GPU,)),
        recent=(running, *rows),
        tokens_per_s=311.5,
        trend=Trend(
            tokens_per_s=tuple(400 * wave for wave in waves),
            cpu=tuple(waves),
            memory=(0.25,) * 60,
            gpu=tuple(reversed(waves)),
            gpu_memory=(0.25,) * 60,
            watts=tuple(60 * wave for wave in waves),
        ),
    )


def status(**changes: Any) -> StatusAnswer:
    return msgspec.structs.replace(STATUS, **changes)


def worker(**changes: Any) -> WorkerItem:
    return msgspec.structs.replace(WORKER, **changes)
