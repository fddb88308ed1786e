"""Every setting, as frozen sections with their defaults and ranges. Values only; `load` reads
them. No setting is a secret: those live in files of their own (`secrets`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from velocity_local.core.sampling import SamplingParams

DEFAULT_PORT = 8621

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Bytes = Annotated[int, Meta(ge=1024, le=2**40)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the API listens and who may reach it.

    A non-loopback `host` needs `allow_remote` and at least one API key. Port 0 takes a free one.
    """

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Port = DEFAULT_PORT
    allow_remote: bool = False
    api_key_file: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What one caller may send, and how long it may take to send it."""

    body_bytes: Bytes = 10 * 1024 * 1024
    header_count: Count = 64
    header_bytes: Bytes = 32 * 1024
    json_depth: Annotated[int, Meta(ge=8, le=500)] = 64
    messages: Count = 2048
    stop_sequences: Count = 16
    choices: Annotated[int, Meta(ge=1, le=256)] = 8
    header_timeout_s: Seconds = 10.0
    body_timeout_s: Seconds = 30.0
    write_timeout_s: Seconds = 30.0
    connections: Count = 1024
    queued_requests: Count = 256
    request_timeout_s: Seconds = 3600.0


class EngineSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How models are loaded; null lets the engine decide from model and machine.

    `n_gpu_layers` -1 means all of them.
    """

    n_ctx: Count | None = None
    n_seq_max: Annotated[int, Meta(ge=1, le=256)] = 64
    n_batch: Annotated[int, Meta(ge=32, le=65536)] = 512
    n_threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    n_gpu_layers: Annotated[int, Meta(ge=-1, le=10_000)] | None = None
    kv_type: Literal["f16", "q8_0", "f32"] = "f16"
    flash_attention: bool | None = None


class FleetSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How workers are started, watched and restarted."""

    preload: tuple[str, ...] = ("demo",)
    max_loaded_models: Count = 3
    load_timeout_s: Seconds = 600.0
    hang_timeout_s: Seconds = 30.0
    ping_interval_s: Seconds = 5.0
    restart_delay_s: Seconds = 0.5
    restart_delay_max_s: Seconds = 30.0
    max_starts: Count = 5
    start_window_s: Seconds = 600.0


class HistorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What each request leaves behind. Prompt and answer text only if `store_text` is on."""

    store_text: bool = False


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged; at most `file_count` files of `file_bytes` are kept for each log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    file_bytes: Bytes = 10 * 1024 * 1024
    file_count: Annotated[int, Meta(ge=1, le=1000)] = 5


class PathSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders that replace the platform's own; null keeps those."""

    models: str | None = None
    data: str | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All sections. `sampling` holds the defaults of requests that do not say."""

    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    fleet: FleetSettings = FleetSettings()
    history: HistorySettings = HistorySettings()
    sampling: SamplingParams = SamplingParams()
    logs: LogSettings = LogSettings()
    paths: PathSettings = PathSettings()
