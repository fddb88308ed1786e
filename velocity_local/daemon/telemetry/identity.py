"""What makes this machine this one, as far as speed goes: one line of text."""

import importlib.metadata
from pathlib import Path

import psutil

from velocity_local.config.processor import cpu_name

_GIB = 2**30
_ENGINE = "llama-cpp-python"
_NVIDIA = Path("/proc/driver/nvidia/gpus")


def machine_identity() -> str:
    """Processor, cores, memory, GPUs and engine; another text is another machine."""
    cores, threads = psutil.cpu_count(logical=False), psutil.cpu_count()
    memory_gib = round(psutil.virtual_memory().total / _GIB)
    parts = [cpu_name(), f"{cores} cores", f"{threads} threads", f"{memory_gib} GiB", *_gpus()]
    return ", ".join([*parts, f"{_ENGINE} {_engine_version()}"])


def _engine_version() -> str:
    try:
        return importlib.metadata.version(_ENGINE)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _gpus(folder: Path = _NVIDIA) -> list[str]:
    """NVIDIA's processors as the driver lists them in files; asking it would take a second."""
    found = []
    try:
        for file in sorted(folder.glob("*/information")):
            lines = file.read_text(errors="replace").splitlines()
            found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    except OSError:
        return []
    return found
