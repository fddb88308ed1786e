"""Energy counters of the processor's packages in the kernel's powercap tree (Intel, and AMD since
Zen): https://docs.kernel.org/power/powercap/powercap.html. Often only root may read them.
"""

from pathlib import Path
from typing import NamedTuple

POWERCAP = Path("/sys/class/powercap")
_JOULES = 1e-6


class Counter(NamedTuple):
    """A counter's value; it begins again at 0 after `range_j`."""

    name: str
    joules: float
    range_j: float


class Counters(NamedTuple):
    """`reason` tells why there are none."""

    counters: tuple[Counter, ...]
    reason: str | None


def read(root: Path = POWERCAP) -> Counters:
    """The packages' counters, without the parts that they contain."""
    zones = [zone for zone in sorted(root.glob("intel-rapl:*")) if zone.name.count(":") == 1]
    if not zones:
        return Counters((), "the kernel shows no energy counters (powercap)")
    found, reason = [], None
    for zone in zones:
        try:
            name = (zone / "name").read_text().strip()
            joules = int((zone / "energy_uj").read_text()) * _JOULES
            range_j = int((zone / "max_energy_range_uj").read_text()) * _JOULES
        except PermissionError:
            reason = "the kernel lets only administrators read energy counters"
        except (OSError, ValueError):
            reason = f"{zone.name} cannot be read"
        else:
            found.append(Counter(name, joules, range_j))
    return Counters(tuple(found), None if found else reason)


def watts(before: Counters, after: Counters, elapsed_s: float) -> dict[str, float]:
    """Mean power of each package between two looks, across a counter's new beginning too."""
    if elapsed_s <= 0:
        return {}
    earlier = {counter.name: counter.joules for counter in before.counters}
    return {
        counter.name: (counter.joules - earlier[counter.name]) % counter.range_j / elapsed_s
        for counter in after.counters
        if counter.name in earlier and counter.range_j > 0
    }
