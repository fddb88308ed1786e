"""`/api/v1/aliases`: names of one's own for models."""

import msgspec

from velocity_local.core.aliases import Alias

VERSION = 1


class AliasAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `name` is to stand for from now on."""

    name: str
    model: str


class AliasList(msgspec.Struct, frozen=True):
    """By name."""

    items: tuple[Alias, ...]
    next: str | None = None
    version: int = VERSION
