"""What of the daemon's environment a worker may see: enough to find libraries and to be tuned."""

import os
from collections.abc import Mapping
from pathlib import Path

import velocity_local

_NAMES = frozenset(
    {
        "PATH",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SYSTEMROOT",
        "WINDIR",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER",
        "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",
    }
)
_PREFIXES = ("LC_", "OMP_", "GOMP_", "KMP_", "GGML_")
# Threads of the engine that wait for each other spin, by default of GNU's OpenMP for some
# milliseconds, on processors that whoever brings a token to its reader needs. This is about
# 50 us: time to the first token falls by 3 ms, and tokens per second stay what they were.
_SPIN = {"GOMP_SPINCOUNT": "5000"}
# NVML counts processors by their place; CUDA's own order, the fastest first, would give a model's
# layers to others than those whose memory was looked at.
_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
_SPIN_NAMES = frozenset({"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"})
_SECRET_MARKS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


def worker_environment(source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a worker: an allow-list of the daemon's, and where to find ourselves."""
    if source is None:
        source = os.environ  # noqa: TID251 - a child's environment is made from ours, no settings
    kept = {name: value for name, value in source.items() if _is_allowed(name.upper())}
    spin = {} if _SPIN_NAMES & kept.keys() else _SPIN
    return (
        _ORDER
        | kept
        | spin
        | {
            "PYTHONPATH": str(package_root()),
            "PYTHONUTF8": "1",
            "PYTHONFAULTHANDLER": "1",
        }
    )


def package_root() -> Path:
    """The folder that holds this package, so that a worker runs the daemon's own code."""
    assert velocity_local.__file__ is not None
    return Path(velocity_local.__file__).resolve().parent.parent


def _is_allowed(name: str) -> bool:
    if any(mark in name for mark in _SECRET_MARKS):
        return False
    return name in _NAMES or name.startswith(_PREFIXES)
