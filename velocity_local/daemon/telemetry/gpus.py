"""Graphics processors of any maker, in one look."""

from velocity_local.daemon.telemetry import amd, apple, nvidia
from velocity_local.daemon.telemetry.found import Found


def probe() -> Found:
    """The first look: NVIDIA's library is tried in a process of its own."""
    return joined(nvidia.probe(), amd.look(), apple.look())


def look() -> Found:
    return joined(nvidia.look(), amd.look(), apple.look())


def joined(*looks: Found) -> Found:
    """Everything that was found; if nothing was, every reason."""
    gpus = tuple(gpu for found in looks for gpu in found.gpus)
    drivers = [found.driver for found in looks if found.gpus and found.driver]
    reasons = [found.reason for found in looks if found.reason]
    return Found(gpus, "; ".join(drivers) or None, None if gpus else "; ".join(reasons))
