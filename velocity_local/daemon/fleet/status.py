"""What is known of a model's process, as a value for `ps`, `/api` and `/ready`."""

import msgspec

from velocity_local.core.models import LoadedModel, LoadOptions, ModelState


class ModelStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """`running` and `waiting` requests are the engine's; `pending` ones are not sent to it yet.

    `restarts` counts processes that died and were replaced, `resumes` the requests that went
    on in another process. `completion_tokens` grows with every token that comes. `started_s` is
    wall-clock time, and so is `leaves_s`, when it goes if nobody uses it until then; None if it
    stays. `rss_bytes` is None when unknown.
    """

    id: str
    state: ModelState
    fingerprint: str
    pid: int | None = None
    started_s: float | None = None
    restarts: int = 0
    resumes: int = 0
    running: int = 0
    waiting: int = 0
    pending: int = 0
    completion_tokens: int = 0
    used_cells: int = 0
    step_ms: float = 0.0
    rss_bytes: int | None = None
    loaded: LoadedModel | None = None
    load_ms: float | None = None
    last_error: str | None = None
    log_tail: tuple[str, ...] = ()
    is_pinned: bool = False
    leaves_s: float | None = None
    options: LoadOptions | None = None
