"""The lens as a library.

from velocity_local.lens import Lens, Scenario

result = Lens().run(Scenario(load=Concurrency(streams=8, requests=200)))
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping

from velocity_local.lens.distributed.shares import Part
from velocity_local.lens.events import Event, Listener
from velocity_local.lens.execution import Execution
from velocity_local.lens.in_turns import InTurns
from velocity_local.lens.results import RunResult
from velocity_local.lens.scenarios import Scenario


class Lens:
    """Runs scenarios. `environ` is where keys and the daemon's folders are looked for."""

    def __init__(self, *, environ: Mapping[str, str] | None = None) -> None:
        self._environ: Mapping[str, str] = (
            os.environ if environ is None else environ  # noqa: TID251 - the library's one look
        )

    def run(self, scenario: Scenario, *, on_event: Listener | None = None) -> RunResult:
        """Run it to its end and return what it measured; blocks.

        `on_event` is called from the measuring loop: what it takes is taken from the measurement.

        Raises:
            LensError: if the scenario cannot be run.
        """
        return self.execution(scenario, on_event=on_event).run()

    def run_in_turns(
        self, before: Scenario, after: Scenario, *, on_event: Listener | None = None
    ) -> tuple[RunResult, RunResult]:
        """Ask two servers the same, request by request in turns; blocks.

        The scenarios differ in target and labels only; events are those of `after`. Returns both
        runs in that order: `compare` and `judge` know that they belong together.

        Raises:
            LensError: if a scenario cannot be run, or they ask for different things.
        """
        return InTurns(before, after, self._environ, listen=on_event or _deaf).run()

    async def run_async(self, scenario: Scenario, *, on_event: Listener | None = None) -> RunResult:
        """As `run`, without blocking the caller's event loop: the run has a thread of its own.

        Cancelling the awaiting task ends the run.
        """
        execution = self.execution(scenario, on_event=on_event)
        return await _in_thread(execution)

    async def stream(self, scenario: Scenario) -> AsyncIterator[Event]:
        """Events while the run goes on; the last one is `Ended` with the result."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()

        def pass_on(event: Event) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        task = asyncio.create_task(self.run_async(scenario, on_event=pass_on))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])

    def execution(
        self, scenario: Scenario, *, on_event: Listener | None = None, part: Part | None = None
    ) -> Execution:
        """A run that can be ended from another thread; `part` is all of it that is made here."""
        return Execution(scenario, self._environ, listen=on_event or _deaf, part=part)


async def _in_thread(execution: Execution) -> RunResult:
    running = asyncio.ensure_future(asyncio.to_thread(execution.run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        execution.cancel()
        await asyncio.wait([running])
        raise


def _deaf(event: Event) -> None:
    """Nobody listens."""
