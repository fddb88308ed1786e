"""What a look for graphics processors found."""

import msgspec

from velocity_local.wire.http.admin import GpuItem


class Found(msgspec.Struct, frozen=True):
    """`reason` tells why `gpus` is empty."""

    gpus: tuple[GpuItem, ...] = ()
    driver: str | None = None
    reason: str | None = None
