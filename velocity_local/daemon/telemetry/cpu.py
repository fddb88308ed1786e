"""Processor, memory and this process, as the operating system tells them."""

import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from velocity_local.wire.http.admin import CpuItem, MemoryItem

_NAME_TIMEOUT_S = 2.0


def begin() -> None:
    """The use of the processor is counted from now on."""
    psutil.cpu_percent(percpu=True)


def cpu() -> CpuItem:
    """The processor; `use` is since the last call, or since `begin`."""
    return CpuItem(
        name=cpu_name(),
        cores=psutil.cpu_count(logical=False),
        threads=psutil.cpu_count() or 1,
        use=tuple(percent / 100 for percent in psutil.cpu_percent(percpu=True)),
        frequency_mhz=_frequency_mhz(),
        load_1min=_load_1min(),
    )


def memory() -> MemoryItem:
    main = psutil.virtual_memory()
    swap = psutil.swap_memory()
    return MemoryItem(
        total_bytes=main.total,
        available_bytes=main.available,
        swap_total_bytes=swap.total,
        swap_used_bytes=swap.used,
    )


def rss_bytes() -> int:
    """Memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


@cache
def cpu_name() -> str:
    """The processor's own name, or its architecture where it has none."""
    if sys.platform == "linux":
        return _linux_name() or platform.machine()
    if sys.platform == "darwin":
        return _darwin_name() or platform.machine()
    return platform.processor() or platform.machine()


def _linux_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "")


def _darwin_name() -> str:
    command = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, timeout=_NAME_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _load_1min() -> float | None:
    if sys.platform == "win32":
        return None
    return os.getloadavg()[0]


def _frequency_mhz() -> float | None:
    """None where the system does not tell, as in many containers and on some Macs."""
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):
        return None
    return frequency.current if frequency is not None and frequency.current else None
