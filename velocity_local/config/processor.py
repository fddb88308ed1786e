"""The processor's name: figures of speed mean nothing without it."""

import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

_NAME_TIMEOUT_S = 2.0


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
