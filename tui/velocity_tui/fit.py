"""Whether a model is likely to fit this machine, judged by the size of its file."""

from typing import Literal

from velocity_local.wire.http.telemetry import TelemetryAnswer

Fit = Literal["fits", "tight", "too big", ""]
_OVERHEAD = 1.2
_TIGHT = 0.8
STYLES = {"fits": "$success", "tight": "$warning", "too big": "$error"}


def fit(size_bytes: int, now: TelemetryAnswer | None) -> Fit:
    """Weights and a fifth more for cache and buffers, against the free memory that is largest."""
    if now is None:
        return ""
    needed = size_bytes * _OVERHEAD
    free = float(max(now.memory.available_bytes, *_gpu_free(now), 0))
    if needed > free:
        return "too big"
    return "tight" if needed > free * _TIGHT else "fits"


def _gpu_free(now: TelemetryAnswer) -> list[int]:
    free = [
        gpu.memory_total_bytes - gpu.memory_used_bytes
        for gpu in now.gpus
        if gpu.memory_total_bytes is not None and gpu.memory_used_bytes is not None
    ]
    return free or [0]
