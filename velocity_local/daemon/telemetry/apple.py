"""Apple silicon, as far as macOS tells it to everybody: the GPU's use and memory by `ioreg`, the
memory pressure by `sysctl`. Power and clocks are for administrators only (`powermetrics`).
"""

import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

from velocity_local.daemon.telemetry.found import Found
from velocity_local.wire.http.admin import GpuItem

TIMEOUT_S = 3.0
DRIVER = "Metal"
POWER_REASON = "macOS tells it to administrators only"
_GPU = ("/usr/sbin/ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
_PRESSURE = ("/usr/sbin/sysctl", "-n", "kern.memorystatus_vm_pressure_level")
_MEMORY = ("/usr/sbin/sysctl", "-n", "hw.memsize")
# Values of DISPATCH_MEMORYPRESSURE_* in dispatch/source.h
_LEVELS = {"1": "normal", "2": "warning", "4": "critical"}

Run = Callable[[Sequence[str]], str]
"""What a command prints; empty if it fails or takes too long."""


def run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands that only ask
            list(command), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def look(ask: Run = run) -> Found:
    """The GPU of an Apple chip."""
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return Found(reason="no Apple GPU")
    return read(ask)


def read(ask: Run) -> Found:
    """As `look`, wherever it runs."""
    told = ask(_GPU)
    if not told:
        return Found(reason="ioreg does not tell of the GPU")
    use = _number(told, "Device Utilization %")
    name = re.search(r'"model"\s*=\s*"([^"]{1,80})"', told)
    memory = ask(_MEMORY).strip()
    gpu = GpuItem(
        index=0,
        name=f"{name[1]} GPU" if name else "Apple GPU",
        uuid="",
        memory_total_bytes=int(memory) if memory.isdigit() else None,
        memory_used_bytes=_number(told, "In use system memory"),
        use=None if use is None or not 0 <= use <= 100 else use / 100,
        power_w=None,
        temperature_c=None,
    )
    return Found((gpu,), driver=DRIVER)


def pressure(ask: Run = run) -> str | None:
    """The system's own word for how short memory is."""
    return _LEVELS.get(ask(_PRESSURE).strip())


def _number(text: str, key: str) -> int | None:
    found = re.search(rf'"{re.escape(key)}"\s*=\s*(\d{{1,18}})\b', text)
    return int(found[1]) if found else None
