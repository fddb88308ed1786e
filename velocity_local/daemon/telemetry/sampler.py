"""The machine as one value, looked at when somebody asks. Blocking calls run on threads."""

import asyncio
import platform
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from velocity_local.daemon.telemetry import cpu
from velocity_local.daemon.telemetry.found import Found
from velocity_local.daemon.telemetry.gpus import Gpus
from velocity_local.wire.http.admin import SystemAnswer

LOOK_TIMEOUT_S = 3.0


class Sampler:
    """Looks at the machine for one caller at a time.

    A graphics driver that fails, or once takes longer than `LOOK_TIMEOUT_S`, is left alone from
    then on, and the reason told.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        probe: Callable[[], Found] | None = None,
        look: Callable[[], Found] | None = None,
        look_timeout_s: float = LOOK_TIMEOUT_S,
    ) -> None:
        self._data_dir = data_dir
        gpus = Gpus()
        self._probe = probe or gpus.probe
        self._look = look or gpus.look
        self._look_timeout_s = look_timeout_s
        self._turn = asyncio.Lock()
        self._gave_up: str | None = None
        self._is_probed = False

    async def sample(self) -> SystemAnswer:
        """The machine now; the first call also tries the graphics driver."""
        async with self._turn:
            gpus = await self._gpus()
            return await asyncio.to_thread(self._answer, gpus)

    async def _gpus(self) -> Found:
        if self._gave_up is not None:
            return Found(reason=self._gave_up)
        if self._is_probed:
            found = await self._look_in_time()
        else:
            found = await asyncio.to_thread(self._probe)
            self._is_probed = True
        self._gave_up = found.reason
        return found

    async def _look_in_time(self) -> Found:
        """On a thread that may hang for good without keeping the process from its end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()

        def run() -> None:
            found = self._look()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_give, answer, found)

        threading.Thread(target=run, name="graphics", daemon=True).start()
        try:
            async with asyncio.timeout(self._look_timeout_s):
                return await answer
        except TimeoutError:
            return Found(reason="the graphics driver stopped answering")

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


def _give(answer: "asyncio.Future[Found]", found: Found) -> None:
    if not answer.done():
        answer.set_result(found)
