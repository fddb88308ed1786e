"""Graphics processors of any maker, in one look."""

from velocity_local.daemon.telemetry import amd, apple, nvidia
from velocity_local.daemon.telemetry.found import Found


class Gpus:
    """NVIDIA's library is tried in a process of its own, and used only if that went well."""

    def __init__(self) -> None:
        self._no_nvidia: Found | None = None

    def probe(self) -> Found:
        """The first look."""
        found = nvidia.probe()
        self._no_nvidia = found if found.reason else None
        return joined(found, amd.look(), apple.look())

    def look(self) -> Found:
        return joined(self._no_nvidia or nvidia.look(), amd.look(), apple.look())


def joined(*looks: Found) -> Found:
    """Everything that was found; if nothing was, every reason."""
    gpus = tuple(gpu for found in looks for gpu in found.gpus)
    drivers = [found.driver for found in looks if found.gpus and found.driver]
    reasons = [found.reason for found in looks if found.reason]
    return Found(gpus, "; ".join(drivers) or None, None if gpus else "; ".join(reasons))
