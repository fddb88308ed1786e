"""Processor, memory and this process, as the operating system tells them."""

import os
import sys

import psutil

from velocity_local.config.processor import cpu_name
from velocity_local.wire.http.admin import CpuItem, MemoryItem


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
