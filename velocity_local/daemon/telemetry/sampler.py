"""The machine as one value, looked at when somebody asks. Blocking calls run on threads."""

import asyncio
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path

from velocity_local.daemon.telemetry import cpu, gpus
from velocity_local.daemon.telemetry.driver import Driver
from velocity_local.daemon.telemetry.found import Found
from velocity_local.wire.http.admin import SystemAnswer


class Sampler:
    """Looks at the machine for one caller at a time."""

    def __init__(self, data_dir: Path, *, drivers: Sequence[Driver] | None = None) -> None:
        self._data_dir = data_dir
        self._drivers = gpus.drivers() if drivers is None else tuple(drivers)
        self._turn = asyncio.Lock()
        cpu.begin()

    async def sample(self) -> SystemAnswer:
        """The machine now; the first call also tries the graphics drivers."""
        async with self._turn:
            found = await gpus.look(self._drivers)
            return await asyncio.to_thread(self._answer, found)

    def _answer(self, found: Found) -> SystemAnswer:
        return SystemAnswer(
            os=f"{platform.system()} {platform.release()}",
            machine=platform.machine(),
            python=platform.python_version(),
            cpu=cpu.cpu(),
            memory=cpu.memory(),
            process_rss_bytes=cpu.rss_bytes(),
            disk_free_bytes=self._disk_free_bytes(),
            gpus=found.gpus,
            gpu_driver=found.driver,
            gpu_reason=found.reason,
        )

    def _disk_free_bytes(self) -> int | None:
        try:
            return shutil.disk_usage(self._data_dir).free
        except OSError:
            return None
