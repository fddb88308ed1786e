"""The management API's shapes for adapters; `admin` says what their versions promise."""

import msgspec

from velocity_local.wire.http.admin import VERSION


class AdapterAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give the adapter in a GGUF file a name beside a model.

    `path` is relative to the models folder, or absolute and below it.
    """

    model: str
    name: str
    path: str
    scale: float = 1.0


class AdapterItem(msgspec.Struct, frozen=True):
    """An adapter; `id` is the model name under which it is asked for.

    With a `problem` it cannot be used, and what follows `scale` is not known.
    """

    id: str
    model: str
    name: str
    path: str
    scale: float
    fingerprint: str | None = None
    size_bytes: int | None = None
    rank: int | None = None
    tensors: int | None = None
    problem: str | None = None
    version: int = VERSION


class AdapterList(msgspec.Struct, frozen=True):
    """In the order in which they were added."""

    items: tuple[AdapterItem, ...]
    next: str | None = None
    version: int = VERSION
