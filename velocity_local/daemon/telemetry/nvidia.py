"""NVIDIA's processors through NVML. The driver's library may fail, hang or crash, so it is first
tried in a child process with a time limit; only after that it is used in this one.

Run as a program it is that child: it prints what it found as JSON.
"""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from velocity_local.daemon.telemetry.found import Found
from velocity_local.wire.http.admin import GpuItem, GpuProcess

# Less than what a look may take: a child that cannot be killed is not waited for.
PROBE_TIMEOUT_S = 2.5
_MARKS = {
    "linux": (
        "/proc/driver/nvidia/version",
        "/usr/lib/wsl/lib/libnvidia-ml.so.1",
        "/dev/nvidiactl",
    ),
    "win32": (r"C:\Windows\System32\nvml.dll",),
}
_W_PER_MW = 0.001
# Bits of nvmlClocksEventReasons in nvml.h; an idle or user-set clock is no throttling.
_THROTTLING = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "temperature (software)",
    0x40: "temperature (hardware)",
    0x80: "power brake",
}


def probe(command: tuple[str, ...] = (sys.executable, "-m", __spec__.name)) -> Found:
    """Try the library in a child process; takes `PROBE_TIMEOUT_S` at most."""
    if not any(Path(mark).exists() for mark in _MARKS.get(sys.platform, ())):
        return Found(reason="no NVIDIA driver")
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Found(reason=f"the NVIDIA driver did not answer within {PROBE_TIMEOUT_S:g} s")
    except OSError as error:
        return Found(reason=f"the NVIDIA driver could not be asked: {error.strerror}")
    if done.returncode:
        return Found(reason=f"asking the NVIDIA driver ended with status {done.returncode}")
    try:
        return msgspec.json.decode(done.stdout, type=Found)
    except msgspec.DecodeError as error:
        return Found(reason=f"the NVIDIA driver's answer makes no sense: {error}")


class Session:
    """The library in this process. It stays open between looks: where nobody else holds the driver,
    to open it wakes the processor, which takes a second or more.
    """

    def __init__(self) -> None:
        self._is_open = False

    def look(self) -> Found:
        """Blocks for as long as the driver takes."""
        try:
            import pynvml  # noqa: PLC0415 - of no use where there is no such processor
        except ImportError:
            return Found(reason="nvidia-ml-py is not installed")
        try:
            if not self._is_open:
                pynvml.nvmlInit()
                self._is_open = True
            driver = str(pynvml.nvmlSystemGetDriverVersion())
            gpus = tuple(read_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount()))
        except pynvml.NVMLError as error:
            return Found(reason=f"NVML: {error}")
        return Found(gpus, driver, None if gpus else "the NVIDIA driver knows no processor")


def read_gpu(nvml: Any, index: int) -> GpuItem:
    """One processor through the module `nvml`, or something like it."""
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def told(name: str, *arguments: object) -> Any:
        """A value, or None where this processor does not tell it."""
        try:
            return getattr(nvml, name)(handle, *arguments)
        except nvml.NVMLError:
            return None

    memory = told("nvmlDeviceGetMemoryInfo")
    use = told("nvmlDeviceGetUtilizationRates")
    power_mw = told("nvmlDeviceGetPowerUsage")
    return GpuItem(
        index=index,
        name=str(told("nvmlDeviceGetName") or "NVIDIA"),
        uuid=str(told("nvmlDeviceGetUUID") or ""),
        memory_total_bytes=None if memory is None else int(memory.total),
        memory_used_bytes=None if memory is None else int(memory.used),
        use=_share(None if use is None else use.gpu),
        power_w=_watts(power_mw),
        temperature_c=told("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
        power_limit_w=_watts(told("nvmlDeviceGetEnforcedPowerLimit")),
        clock_mhz=told("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_GRAPHICS),
        memory_clock_mhz=told("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_MEM),
        throttling=_throttling(told("nvmlDeviceGetCurrentClocksEventReasons")),
        processes=_processes(told("nvmlDeviceGetComputeRunningProcesses")),
    )


def _watts(milliwatts: float | None) -> float | None:
    return None if milliwatts is None else milliwatts * _W_PER_MW


def _throttling(bits: int | None) -> tuple[str, ...] | None:
    if bits is None:
        return None
    return tuple(name for bit, name in _THROTTLING.items() if bits & bit)


def _processes(found: Any) -> tuple[GpuProcess, ...] | None:
    if found is None:
        return None
    return tuple(GpuProcess(int(each.pid), each.usedGpuMemory) for each in found)


def _share(percent: float | None) -> float | None:
    """None for what cannot be a share: drivers have been seen to report thousands."""
    if percent is None or not math.isfinite(percent) or not 0 <= percent <= 100:
        return None
    return percent / 100


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(Session().look()))
