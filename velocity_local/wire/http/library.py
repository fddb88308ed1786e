"""The models as files: `/api/v1/stores`, `/imports`, `/disk` and `/leftovers`."""

import msgspec

from velocity_local.core.library import DiskItem, Leftover, Sighting

VERSION = 1


class ImportAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file, by its absolute path on the daemon's machine; `id` is the name it is to have."""

    path: str
    id: str | None = None


class CheckAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model whose files are to be read."""

    model: str


class QuantizationAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of 16 or 32 bits and the type to write it in; `id` is the name it is to have."""

    model: str
    quantization: str
    id: str | None = None


class SightingList(msgspec.Struct, frozen=True):
    """Models that other programs keep on the daemon's machine."""

    items: tuple[Sighting, ...]
    next: str | None = None
    version: int = VERSION


class DiskAnswer(msgspec.Struct, frozen=True):
    """What each model takes, largest first; `total_bytes` counts no file twice."""

    items: tuple[DiskItem, ...]
    total_bytes: int
    free_bytes: int
    folder: str
    next: str | None = None
    version: int = VERSION


class RemovedModel(DiskItem, frozen=True, kw_only=True):
    """What was taken off. A file that another program keeps too is still there."""

    version: int = VERSION


class LeftoverList(msgspec.Struct, frozen=True):
    """Files that no model needs; `is_removed` if they are gone now."""

    items: tuple[Leftover, ...]
    is_removed: bool = False
    next: str | None = None
    version: int = VERSION
