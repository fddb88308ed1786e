"""What the figures were measured on, and how idle it was."""

import platform
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

WATCH_S = 1.0
QUIET_PERCENT = 10.0


@dataclass(frozen=True, slots=True)
class Machine:
    """`busy_percent` is what other processes took of all cores before the run."""

    processor: str
    cores: int
    system: str
    memory_gb: float
    busy_percent: float

    @property
    def is_quiet(self) -> bool:
        return self.busy_percent <= QUIET_PERCENT

    def line(self) -> str:
        state = "quiet" if self.is_quiet else "BUSY: these figures mean little"
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gb:.0f} GB, {self.system};"
            f" {self.busy_percent:.0f} % taken by others ({state})"
        )


def look() -> Machine:
    """Blocks for a second to see what else is running."""
    psutil.cpu_percent()
    time.sleep(WATCH_S)
    return Machine(
        processor=_processor(),
        cores=psutil.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        memory_gb=psutil.virtual_memory().total / 1e9,
        busy_percent=psutil.cpu_percent(),
    )


def _processor() -> str:
    """The model's name where the system tells one."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
