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
OptionalBytes = Annotated[int, Meta(ge=0, le=2**44)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]


class ServerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the API listens and who may reach it.

    A non-loopback `host` needs `allow_remote` and at least one API key. Port 0 takes a free one.
    """

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """Address to listen on."""
    port: Port = DEFAULT_PORT
    """Port to listen on; 0 picks a free one."""
    allow_remote: bool = False
    """Allow a `host` that other machines can reach."""
    api_key_file: str | None = None
    """File of API keys instead of the user's own `api-keys`."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names under which the daemon may be asked, besides its own address."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call the API, as in `http://localhost:3000`."""


class LimitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What one caller may send, and how long it may take to send it."""

    body_bytes: Bytes = 10 * 1024 * 1024
    """Largest request body."""
    header_count: Count = 64
    """Most header fields of a request."""
    header_bytes: Bytes = 32 * 1024
    """Largest request head."""
    json_depth: Annotated[int, Meta(ge=8, le=500)] = 64
    """Deepest nesting of a JSON body."""
    messages: Count = 2048
    """Most messages of a conversation."""
    stop_sequences: Count = 16
    """Most stop strings of a request."""
    choices: Annotated[int, Meta(ge=1, le=256)] = 8
    """Most choices (`n`) of a request."""
    header_timeout_s: Seconds = 10.0
    """Time in which a request's head must arrive."""
    body_timeout_s: Seconds = 30.0
    """Time in which a request's body must arrive."""
    write_timeout_s: Seconds = 30.0
    """Time after which a reader that takes nothing is disconnected."""
    heartbeat_s: Seconds = 15.0
    """Silence of a stream after which a comment tells that it still lives."""
    connections: Count = 1024
    """Most open connections."""
    queued_requests: Count = 256
    """Most requests waiting; the next one is told when to come back."""
    queued_tokens: Count = 1_000_000
    """Most prompt tokens waiting, as estimated; a request that is larger may wait alone."""
    request_timeout_s: Seconds = 3600.0
    """Longest time a request may wait and run."""


class EngineSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How models are loaded; null lets the engine decide from model and machine.

    `n_gpu_layers` -1 means all of them.
    """

    n_ctx: Count | None = None
    """KV cells of a model, shared by its sequences; also the longest context."""
    n_seq_max: Annotated[int, Meta(ge=1, le=256)] = 64
    """Most sequences of a model at once."""
    n_batch: Annotated[int, Meta(ge=32, le=65536)] = 512
    """Most tokens in one forward pass."""
    n_threads: Annotated[int, Meta(ge=1, le=1024)] | None = None
    """Threads that compute; null takes one for each core."""
    n_gpu_layers: Annotated[int, Meta(ge=-1, le=10_000)] | None = None
    """Layers on the GPU; null takes all that fit, 0 none."""
    kv_type: Literal["f16", "q8_0", "f32"] | None = None
    """Number format of the KV cache; null takes f16, or q8_0 where memory is short."""
    flash_attention: bool | None = None
    """Fused attention; null decides by device."""
    stall_target_ms: Annotated[float, Meta(ge=1, le=60_000)] = 250.0
    """Time between two tokens of running answers that prompts beside them aim at."""
    speculation: Literal["off", "auto", "on"] = "auto"
    """Check guesses at the next tokens at once: never, where it pays, or always."""
    heads: Literal["off", "auto", "on"] = "auto"
    """Guess with a model's own heads for further tokens (MTP): never, where they cost little \
memory, or always; recurrent models keep four times their states for it."""
    drafts: tuple[Annotated[str, Meta(pattern="^[^=]+=[^=]+$")], ...] = ()
    """Models that guess for others, as `MODEL=DRAFT`; both on this machine, of one vocabulary."""
    kv_ram_bytes: OptionalBytes | None = None
    """Memory for computed prompts that left the KV cache; null takes a sixteenth, 0 turns all \
tiers off."""
    kv_disk_bytes: OptionalBytes = 4 * 1024**3
    """Disk for computed prompts, of all models together; 0 turns the disk off."""
    kv_write_bytes_per_hour: OptionalBytes = 4 * 1024**3
    """Most that is written for it in an hour by one model."""


class FleetSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How workers are started, watched and restarted."""

    preload: tuple[str, ...] = ("demo",)
    """Models loaded at the start."""
    max_loaded_models: Count = 3
    """Most models in memory at once."""
    headroom_bytes: Annotated[int, Meta(ge=0, le=2**50)] = 512 * 1024 * 1024
    """Memory left to other programs when a model is loaded."""
    keep_alive_s: Seconds | None = None
    """Time after which an unused model is unloaded; null keeps it until its memory is wanted."""
    load_timeout_s: Seconds = 600.0
    """Time in which a model must be loaded."""
    hang_timeout_s: Seconds = 30.0
    """Time without a sign of life after which a worker is replaced."""
    ping_interval_s: Seconds = 5.0
    """How often an idle worker is asked whether it lives."""
    restart_delay_s: Seconds = 0.5
    """Wait before a worker's first restart; doubled for each further one."""
    restart_delay_max_s: Seconds = 30.0
    """Longest wait before a restart."""
    max_starts: Count = 5
    """Starts within `start_window_s` after which a model counts as failed."""
    start_window_s: Seconds = 600.0
    """The window of `max_starts`."""


class DownloadSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How models are fetched from the hub."""

    connections: Annotated[int, Meta(ge=1, le=16)] = 4
    """Connections at the same time for one large file."""
    bytes_per_s: Annotated[int, Meta(ge=64 * 1024, le=2**40)] | None = None
    """Most bytes a second for all downloads together; null is no limit."""


class HistorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What each request leaves behind. Prompt and answer text only if `store_text` is on."""

    store_text: bool = False
    """Keep prompts and answers in the history."""


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged; at most `file_count` files of `file_bytes` are kept for each log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe message that is logged."""
    file_bytes: Bytes = 10 * 1024 * 1024
    """Size at which a log file is rotated."""
    file_count: Annotated[int, Meta(ge=1, le=1000)] = 5
    """Log files kept, the current one included."""


class PathSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Folders that replace the platform's own; null keeps those."""

    models: str | None = None
    """Folder of models, absolute."""
    data: str | None = None
    """Folder of the history and of models, absolute."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All sections. `sampling` holds the defaults of requests that do not say."""

    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    fleet: FleetSettings = FleetSettings()
    downloads: DownloadSettings = DownloadSettings()
    history: HistorySettings = HistorySettings()
    sampling: SamplingParams = SamplingParams()
    logs: LogSettings = LogSettings()
    paths: PathSettings = PathSettings()
