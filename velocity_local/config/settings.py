"""Every setting, as frozen sections with their defaults. Values only; `load` reads them."""

from typing import Literal

import msgspec

from velocity_local.core.sampling import SamplingParams

DEFAULT_PORT = 8621


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the API listens and who may reach it.

    A non-loopback `host` needs `allow_remote` and at least one API key.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    allow_remote: bool = False
    api_key_file: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one caller may send, and how long it may take to send it."""

    body_bytes: int = 10 * 1024 * 1024
    header_count: int = 64
    header_bytes: int = 32 * 1024
    json_depth: int = 64
    messages: int = 2048
    stop_sequences: int = 16
    choices: int = 8
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    write_timeout_s: float = 30.0
    connections: int = 1024
    queued_requests: int = 256
    request_timeout_s: float = 3600.0


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How models are loaded; null lets the engine decide from model and machine."""

    n_ctx: int | None = None
    n_seq_max: int = 64
    n_batch: int = 512
    n_threads: int | None = None
    n_gpu_layers: int | None = None
    kv_type: Literal["f16", "q8_0", "f32"] = "f16"
    flash_attention: bool | None = None


class FleetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How workers are started, watched and restarted."""

    preload: tuple[str, ...] = ("demo",)
    max_loaded_models: int = 3
    load_timeout_s: float = 600.0
    hang_timeout_s: float = 30.0
    ping_interval_s: float = 5.0
    restart_delay_s: float = 0.5
    restart_delay_max_s: float = 30.0
    max_starts: int = 5
    start_window_s: float = 600.0


class HistorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each request leaves behind. Prompt and answer text only if `store_text` is on."""

    store_text: bool = False


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    file_bytes: int = 10 * 1024 * 1024
    file_count: int = 5


class PathSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Folders that replace the platform's own; null keeps those."""

    models: str | None = None
    data: str | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All sections. `sampling` holds the defaults of requests that do not say."""

    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    fleet: FleetSettings = FleetSettings()
    history: HistorySettings = HistorySettings()
    sampling: SamplingParams = SamplingParams()
    logs: LogSettings = LogSettings()
    paths: PathSettings = PathSettings()
