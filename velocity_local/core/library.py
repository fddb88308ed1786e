"""The models on this machine as files: where they lie, what they take, what could go."""

from typing import Literal

import msgspec

Said = int | float | str | bool
Store = Literal["huggingface", "ollama", "lm studio", "folder"]


class Sighting(msgspec.Struct, frozen=True):
    """A model that another program keeps here. `files` are its parts, absolute; `id` is the name
    it would have. `problem` says why it cannot be used, empty if it can.
    """

    id: str
    store: Store
    files: tuple[str, ...]
    size_bytes: int
    is_imported: bool
    problem: str = ""


class DiskItem(msgspec.Struct, frozen=True):
    """What a model takes. `shared_bytes` of it are also kept by another program: removing the
    model does not free them.
    """

    model: str
    files: tuple[str, ...]
    size_bytes: int
    shared_bytes: int
    is_reference: bool = False


class Leftover(msgspec.Struct, frozen=True):
    """A file in the models folder that no model needs."""

    path: str
    size_bytes: int
    reason: str


class FileOrigin(msgspec.Struct, frozen=True):
    """Where a file came from: what it is in which repository at which commit, and its digest."""

    file: str
    repository: str
    revision: str
    path: str
    digest: str


class About(msgspec.Struct, frozen=True):
    """What a model's files say: its chat template's text, the plain values of its header or
    settings, and where the files came from, as far as that was noted.
    """

    model: str
    files: tuple[str, ...]
    origins: tuple[FileOrigin, ...]
    template: str
    values: dict[str, Said]
    version: int = 1


class FileCheck(msgspec.Struct, frozen=True):
    """A file compared with what was promised of it; `unknown` if nothing was."""

    path: str
    outcome: Literal["right", "wrong", "unknown"]


class Check(msgspec.Struct, frozen=True):
    """A model's files on their way through the hash."""

    id: str
    model: str
    state: Literal["running", "done", "failed", "cancelled"]
    done_bytes: int
    total_bytes: int
    files: tuple[FileCheck, ...] = ()
    error: str | None = None
    version: int = 1


class Quantization(msgspec.Struct, frozen=True):
    """The model `source` on its way to another type, as `model`. `done` counts tensors."""

    id: str
    source: str
    model: str
    quantization: str
    state: Literal["running", "done", "failed", "cancelled"]
    done: int
    total: int
    error: str | None = None
    version: int = 1
