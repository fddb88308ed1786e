"""Facts that figures depend on: of the machine that answers, and of the one that measures.

Nothing in them names a person or a file.
"""

import os
import platform

import psutil

from velocity_local.client import api
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient
from velocity_local.config.processor import cpu_name
from velocity_local.core.release import RELEASE
from velocity_local.lens.results import Fact

_GIB = 1 << 30
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def client_facts() -> dict[str, Fact]:
    """The machine that measures."""
    return {
        "lens": RELEASE,
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def machine_facts(admin: HttpClient | None, host: str) -> dict[str, Fact]:
    """The machine that answers: as its daemon tells it, or this one if the server is on it; empty
    if nobody knows.
    """
    if admin is not None:
        return _told(admin)
    return _own() if host in _LOOPBACK else {}


def _told(admin: HttpClient) -> dict[str, Fact]:
    try:
        system = api.system(admin)
    except ClientError:
        return {}
    facts: dict[str, Fact] = {
        "os": system.os,
        "cpu": system.cpu.name,
        "cores": system.cpu.cores,
        "threads": system.cpu.threads,
        "memory_gib": round(system.memory.total_bytes / _GIB),
    }
    if system.gpus:
        facts["gpu"] = ", ".join(gpu.name for gpu in system.gpus)
        facts["gpu_driver"] = system.gpu_driver
    return facts


def _own() -> dict[str, Fact]:
    return {
        "os": f"{platform.system()} {platform.release()}",
        "cpu": cpu_name(),
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / _GIB),
    }
