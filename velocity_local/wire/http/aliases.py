"""`/api/v1/aliases`: names of one's own for models."""

import msgspec

from velocity_local.core.aliases import Alias, LoadConfig, SamplingDefaults

VERSION = 1


class AliasAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `name` is to stand for from now on; `model` may name an adapter, `model:adapter`."""

    name: str
    model: str
    load: LoadConfig = LoadConfig()
    sampling: SamplingDefaults = SamplingDefaults()


class AliasList(msgspec.Struct, frozen=True):
    """By name."""

    items: tuple[Alias, ...]
    next: str | None = None
    version: int = VERSION
