"""The management API, `/api/v1`: what it answers. Every answer carries the version of its shape;
a field may be added within a version, none is renamed or removed.
"""

from typing import Any

import msgspec

from velocity_local.core.downloads import Download, Variant
from velocity_local.core.history import RequestRow, Stats
from velocity_local.core.models import LoadedModel, LoadOptions, ModelState
from velocity_local.core.queueing import QueueState

VERSION = 1


class RequestList(msgspec.Struct, frozen=True):
    """A page of the history; `next` goes into `after` for the one behind it."""

    items: tuple[RequestRow, ...]
    next: str | None = None
    version: int = VERSION


class StatsAnswer(Stats, frozen=True, kw_only=True):
    """Traffic of a window of time."""

    version: int = VERSION


class Deleted(msgspec.Struct, frozen=True):
    """How many requests were forgotten."""

    deleted: int
    version: int = VERSION


class ModelItem(msgspec.Struct, frozen=True):
    """A model on this machine, and what its worker is doing.

    `memory_bytes` is what the engine reserved for weights and KV cache, `rss_bytes` what the
    worker's process holds; both None while it is not loaded. `adapters` are the ids under which it
    can be asked for with one. `options` are those it was loaded with, the context included that
    the machine chose; a pinned model is never evicted.
    """

    id: str
    name: str
    state: ModelState
    format: str
    architecture: str
    parameters: int
    quantization: str
    context_length: int
    size_bytes: int
    fingerprint: str
    path: str
    licence: str
    has_chat_template: bool
    is_embedding: bool
    created_s: int
    memory_bytes: int | None = None
    rss_bytes: int | None = None
    loaded: LoadedModel | None = None
    last_error: str | None = None
    is_pinned: bool = False
    keep_alive_s: float | None = None
    options: LoadOptions | None = None
    adapters: tuple[str, ...] = ()
    version: int = VERSION


class ModelList(msgspec.Struct, frozen=True):
    items: tuple[ModelItem, ...]
    next: str | None = None
    version: int = VERSION


class DownloadAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to fetch: OWNER/REPO:QUANT, OWNER/REPO@QUANT, OWNER/REPO/FILE.gguf, a name of the
    shipped list, or the https address of a GGUF file; `sha256` then says what its bytes must be.
    """

    model: str
    sha256: str | None = None


class DownloadList(msgspec.Struct, frozen=True):
    """Downloads since the start of the daemon, newest first."""

    items: tuple[Download, ...]
    next: str | None = None
    version: int = VERSION


class RepositoryAnswer(msgspec.Struct, frozen=True):
    """The models that can be fetched from a repository of the hub, smallest first."""

    repository: str
    revision: str
    variants: tuple[Variant, ...]
    version: int = VERSION


class WorkerItem(msgspec.Struct, frozen=True):
    """A model's process. `running` and `waiting` requests are in the engine, `pending` ones wait
    for the process itself. `cells` is the size of its KV cache in tokens. `completion_tokens` are
    those of all its answers since the daemon's start, the running ones included. `leaves_s` is the
    Unix time at which it is unloaded if nobody uses it until then; None keeps it.
    """

    model: str
    state: ModelState
    pid: int | None
    started_s: float | None
    restarts: int
    resumes: int
    running: int
    waiting: int
    pending: int
    used_cells: int
    cells: int
    step_ms: float
    rss_bytes: int | None
    load_ms: float | None
    last_error: str | None
    completion_tokens: int = 0
    is_pinned: bool = False
    leaves_s: float | None = None


class HistoryState(msgspec.Struct, frozen=True):
    """`degraded` says why rows are held in memory; `lost_rows` found no room there either."""

    degraded: str | None
    held_rows: int
    lost_rows: int


class StatusAnswer(msgspec.Struct, frozen=True):
    """The daemon at this moment. `base_urls` has one address for each dialect.

    `waiting` counts requests that no engine has begun. `preloading` names the models that the
    settings want loaded at the start and that are neither ready nor failed yet. `degraded` lists
    in words what does not work as it should; empty when all is well. `queue` tells who waits.
    `completion_tokens` grows with every token of every answer: two looks make an exact rate.
    """

    pid: int
    release: str
    started_s: float
    uptime_s: float
    host: str
    port: int
    base_urls: dict[str, str]
    is_ready: bool
    not_ready_reason: str
    waiting: int
    workers: tuple[WorkerItem, ...]
    history: HistoryState
    lost_log_records: int
    rss_bytes: int
    degraded: tuple[str, ...]
    preloading: tuple[str, ...] = ()
    completion_tokens: int = 0
    queue: QueueState | None = None
    version: int = VERSION


class CpuItem(msgspec.Struct, frozen=True):
    """`use` is each logical core's share of the time since the last look, from 0 to 1."""

    name: str
    cores: int | None
    threads: int
    use: tuple[float, ...]
    frequency_mhz: float | None
    load_1min: float | None


class MemoryItem(msgspec.Struct, frozen=True):
    total_bytes: int
    available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int


class GpuProcess(msgspec.Struct, frozen=True):
    """Somebody's memory on a graphics processor."""

    pid: int
    memory_bytes: int | None


class GpuItem(msgspec.Struct, frozen=True):
    """A graphics processor; None where it does not tell. `throttling` names what slows it now."""

    index: int
    name: str
    uuid: str
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    use: float | None
    power_w: float | None
    temperature_c: float | None
    power_limit_w: float | None = None
    clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    throttling: tuple[str, ...] | None = None
    processes: tuple[GpuProcess, ...] | None = None


class SystemAnswer(msgspec.Struct, frozen=True):
    """The machine. `gpus` is empty where none can be asked; `gpu_reason` then says why."""

    os: str
    machine: str
    python: str
    cpu: CpuItem
    memory: MemoryItem
    process_rss_bytes: int
    disk_free_bytes: int | None
    gpus: tuple[GpuItem, ...]
    gpu_driver: str | None
    gpu_reason: str | None
    version: int = VERSION


class LogLines(msgspec.Struct, frozen=True):
    """The last lines of a log, oldest first, without control characters."""

    source: str
    items: tuple[str, ...]
    next: str | None = None
    version: int = VERSION


class ConfigItem(msgspec.Struct, frozen=True):
    """A setting in force; `origin` is default, file, environment or flag."""

    key: str
    value: Any
    origin: str


class ConfigList(msgspec.Struct, frozen=True):
    file: str
    items: tuple[ConfigItem, ...]
    next: str | None = None
    version: int = VERSION


class ShutdownAnswer(msgspec.Struct, frozen=True):
    """The daemon has begun to end: no new requests, running ones may finish."""

    pid: int
    version: int = VERSION
