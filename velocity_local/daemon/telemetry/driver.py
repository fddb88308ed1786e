"""One maker's graphics driver, asked on a thread that may hang for good."""

import asyncio
import threading
from collections.abc import Callable

from velocity_local.daemon.telemetry.found import Found

TIMEOUT_S = 3.0


class Driver:
    """`probe` is the first question, `look` all others. One that fails, or once takes longer than
    `timeout_s`, is left alone from then on, and its reason told.
    """

    def __init__(
        self,
        name: str,
        probe: Callable[[], Found],
        look: Callable[[], Found] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._name = name
        self._ask = probe
        self._look = look or probe
        self._timeout_s = timeout_s
        self._gave_up: Found | None = None

    async def found(self) -> Found:
        """What it shows now. One caller at a time."""
        if self._gave_up is not None:
            return self._gave_up
        found = await self._in_time(self._ask)
        self._ask = self._look
        if found.reason is not None:
            self._gave_up = found
        return found

    async def _in_time(self, ask: Callable[[], Found]) -> Found:
        """The thread does not keep the process from its end."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found] = loop.create_future()

        def run() -> None:
            found = ask()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_give, answer, found)

        threading.Thread(target=run, name=self._name, daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            return Found(reason=f"the {self._name} driver did not answer in {self._timeout_s:g} s")


def _give(answer: "asyncio.Future[Found]", found: Found) -> None:
    if not answer.done():
        answer.set_result(found)
