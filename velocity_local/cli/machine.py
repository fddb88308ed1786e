"""What this machine has for running models, as values without anything personal."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psutil

from velocity_local.config.processor import cpu_name

_PROBE_TIMEOUT_S = 3.0
_CPUINFO = Path("/proc/cpuinfo")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_ENGINE_FACTS = "velocity-engine.json"
# Those that llama.cpp has kernels for.
_INSTRUCTIONS = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
    "sve",
    "sme",
)


class Processor(msgspec.Struct, frozen=True):
    """Counts are None where the system does not tell."""

    name: str
    architecture: str
    cores: int | None
    threads: int | None
    instructions: tuple[str, ...]
    governor: str | None
    load_1min: float | None


class Memory(msgspec.Struct, frozen=True):
    total_bytes: int
    available_bytes: int
    swap_used_bytes: int


class Gpu(msgspec.Struct, frozen=True):
    name: str
    memory_bytes: int | None


class EngineBuild(msgspec.Struct, frozen=True):
    """How the installed engine was built, as the set-up wrote it down."""

    package: str
    version: str
    backend: str
    built_for: str
    compiler: str
    cmake_args: str


class Machine(msgspec.Struct, frozen=True):
    """`gpu_reason` says why no GPU is listed; `is_translated` that Python runs under Rosetta."""

    system: str
    python: str
    processor: Processor
    memory: Memory
    gpus: tuple[Gpu, ...]
    gpu_reason: str
    has_nvcc: bool
    on_battery: bool
    is_translated: bool


def look(environ: Mapping[str, str]) -> Machine:
    """Look at the machine; every probe is bounded in time."""
    gpus, reason = _gpus()
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        processor=_processor(),
        memory=_memory(),
        gpus=gpus,
        gpu_reason=reason,
        has_nvcc=_has_nvcc(environ),
        on_battery=battery is not None and battery.power_plugged is False,
        is_translated=_told_by(["sysctl", "-n", "sysctl.proc_translated"]) == "1",
    )


def engine_build(prefix: Path) -> EngineBuild | None:
    """What the set-up noted in this environment; None if the engine came another way."""
    try:
        return msgspec.json.decode((prefix / _ENGINE_FACTS).read_bytes(), type=EngineBuild)
    except (OSError, msgspec.DecodeError):
        return None


def instruction_flags() -> str:
    """The processor's list of instruction sets; empty where the system gives none."""
    with contextlib.suppress(OSError):
        for line in _CPUINFO.read_text(errors="replace").splitlines():
            if line.lower().startswith(("flags", "features")):
                return line.partition(":")[2].strip()
    return ""


def _processor() -> Processor:
    flags = set(instruction_flags().split())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Processor(
        name=cpu_name(),
        architecture=platform.machine(),
        cores=psutil.cpu_count(logical=False),
        threads=psutil.cpu_count(),
        instructions=tuple(name for name in _INSTRUCTIONS if name in flags),
        governor=_first_line(_GOVERNOR),
        load_1min=load,
    )


def _memory() -> Memory:
    memory = psutil.virtual_memory()
    return Memory(memory.total, memory.available, psutil.swap_memory().used)


def _gpus() -> tuple[tuple[Gpu, ...], str]:
    if sys.platform == "darwin":
        if platform.machine() != "arm64":
            return (), "this Mac has no Apple GPU"
        return (Gpu(f"{cpu_name()} GPU", psutil.virtual_memory().total),), ""
    query = "--query-gpu=name,memory.total"
    listed = _told_by(["nvidia-smi", query, "--format=csv,noheader,nounits"])
    gpus = tuple(filter(None, map(_parse_gpu, listed.splitlines())))
    if gpus:
        return gpus, ""
    if shutil.which("nvidia-smi") is None:
        return (), "no NVIDIA driver is installed"
    return (), "the NVIDIA driver does not answer"


def _parse_gpu(line: str) -> Gpu | None:
    name, comma, mebibytes = (part.strip() for part in line.rpartition(","))
    if not comma:
        return None
    return Gpu(name, int(mebibytes) * 1024**2 if mebibytes.isdigit() else None)


def _has_nvcc(environ: Mapping[str, str]) -> bool:
    homes = [environ.get("CUDA_HOME"), environ.get("CUDA_PATH"), "/usr/local/cuda"]
    places = [Path(home) / "bin" / "nvcc" for home in homes if home]
    return shutil.which("nvcc") is not None or any(place.is_file() for place in places)


def _told_by(command: list[str]) -> str:
    """What a program prints; empty if there is none, it fails, or it hangs."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(  # noqa: S603 - fixed commands that only ask
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
        return done.stdout.strip() if done.returncode == 0 else ""
    return ""


def _first_line(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return None
