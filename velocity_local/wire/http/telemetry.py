"""`GET /api/v1/telemetry`: the machine at one moment. What a system does not tell is None, and
`reasons` says why under the value's name; it is never zero for want of knowledge.
"""

import msgspec

from velocity_local.wire.http.admin import CpuItem, GpuItem, MemoryItem

VERSION = 1


class DiskItem(msgspec.Struct, frozen=True):
    """The disk that holds the data folder; rates are of all disks, since the last look."""

    total_bytes: int | None
    free_bytes: int | None
    read_bytes_per_s: float | None
    write_bytes_per_s: float | None


class ProcessItem(msgspec.Struct, frozen=True):
    """A process of ours; `model` is empty for the daemon. `cpu` is in cores since the last look."""

    pid: int
    model: str
    cpu: float | None
    rss_bytes: int | None
    threads: int | None


class PowerItem(msgspec.Struct, frozen=True):
    """Power, and what of it requests have cost since the daemon's start.

    `watts` is all that is measured, by source; `idle_w` is what the machine takes with no request
    running. `joules` is above idle, while requests ran, and `joules_by_model` shares it out.
    """

    method: str
    watts: float | None
    by_source: dict[str, float]
    idle_w: float | None
    joules: float
    joules_by_model: dict[str, float]


class TelemetryAnswer(msgspec.Struct, frozen=True):
    """`memory_pressure` is normal, warning or critical where the system has such a thing."""

    at_s: float
    cpu: CpuItem
    memory: MemoryItem
    memory_pressure: str | None
    disk: DiskItem
    processes: tuple[ProcessItem, ...]
    gpus: tuple[GpuItem, ...]
    power: PowerItem
    reasons: dict[str, str]
    version: int = VERSION
