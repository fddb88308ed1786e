"""Graphics processors of any maker, in one look."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from velocity_local.daemon.telemetry import amd, apple, nvidia
from velocity_local.daemon.telemetry.driver import Driver
from velocity_local.daemon.telemetry.found import Found


def drivers() -> tuple[Driver, ...]:
    """Of every maker. NVIDIA's library is first tried in a process of its own."""
    return (
        Driver("NVIDIA", nvidia.probe, nvidia.Session().look),
        Driver("AMD", amd.look),
        Driver("Apple", apple.look),
    )


async def look(drivers: Sequence[Driver]) -> Found:
    """All at once: one that hangs costs the others nothing."""
    return joined(*await asyncio.gather(*(driver.found() for driver in drivers)))


def joined(*looks: Found) -> Found:
    """Everything that was found, numbered through; if nothing was, every reason."""
    gpus = (gpu for found in looks for gpu in found.gpus)
    numbered = tuple(replace(gpu, index=index) for index, gpu in enumerate(gpus))
    names = [found.driver for found in looks if found.gpus and found.driver]
    reasons = [found.reason for found in looks if found.reason]
    return Found(numbered, "; ".join(names) or None, None if numbered else "; ".join(reasons))
