"""What can be fetched from a model hub, and how far a fetch has come."""

from typing import Literal

import msgspec

DownloadState = Literal[
    "waiting",
    "verifying",
    "running",
    "pausing",
    "paused",
    "cancelling",
    "done",
    "failed",
    "cancelled",
]
ENDED: frozenset[DownloadState] = frozenset({"done", "failed", "cancelled"})


class Variant(msgspec.Struct, frozen=True):
    """One quantization of a repository's model. `files` are its parts, paths in the repository; of
    a model in MLX's format, all that belong to it, `config.json` first.

    `quantization` is empty if the files' name does not tell it. `companions` are fetched with it:
    the projector of a model that sees or hears, a draft that it was published with. `size_bytes`
    counts them too.
    """

    quantization: str
    files: tuple[str, ...]
    size_bytes: int
    companions: tuple[str, ...] = ()
    format: Literal["gguf", "mlx"] = "gguf"


class Download(msgspec.Struct, frozen=True):
    """A model on its way to this machine.

    `model` is the id it has once it is here; `revision` the commit its bytes are from.
    `verifying` means that bytes already on disk are compared with their hash. `bytes_per_s`
    covers the last few seconds; `retries` counts interrupted connections. `error` also says why a
    download paused by itself.
    """

    id: str
    model: str
    repository: str
    revision: str
    quantization: str
    files: tuple[str, ...]
    state: DownloadState
    done_bytes: int
    total_bytes: int
    bytes_per_s: float
    retries: int
    created_s: float
    ended_s: float | None = None
    error: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED
