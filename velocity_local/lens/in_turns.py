"""Two servers asked the same in turns, so that their difference holds less of the machine's moods.

Both runs share one event loop, and nothing else: each has its own connections. A round is one
request of each stream on one side, then on the other.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from velocity_local.lens.driver import Window
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.events import Event, Listener
from velocity_local.lens.execution import Execution, Prepared
from velocity_local.lens.loads import OpenLoad
from velocity_local.lens.overhead import OverheadMeter
from velocity_local.lens.relay import Relay
from velocity_local.lens.results import Pairing, RunResult, Side
from velocity_local.lens.scenarios import Scenario
from velocity_local.lens.selector import MeteredSelector, metered_loop

Results = tuple[RunResult, RunResult]


class InTurns:
    """The server as it was and as it is, asked the same. `listen` hears of `after`; the other is
    asked just as much.
    """

    def __init__(
        self,
        before: Scenario,
        after: Scenario,
        environ: Mapping[str, str],
        *,
        listen: Listener,
        series: str | None = None,
    ) -> None:
        """Raises BadScenario if they are not asked the same, or if the load follows a clock: it
        cannot wait for another server.
        """
        _check_alike(before, after)
        id_ = secrets.token_hex(6)

        def side(which: Side, scenario: Scenario, heard: Listener) -> Execution:
            pairing = Pairing(id_, which)
            return Execution(scenario, environ, listen=heard, series=series, pairing=pairing)

        self._before = side(Side.BEFORE, before, _deaf)
        self._after = side(Side.AFTER, after, listen)

    def run(self) -> Results:
        """Block until both have ended: before, after. Ctrl-C ends both early, and marks them.

        Raises:
            LensError: if the scenario cannot be run against one of them.
        """
        prepared = self._before.prepare(), self._after.prepare()
        selector = MeteredSelector()
        meter = OverheadMeter(selector)
        with asyncio.Runner(loop_factory=lambda: metered_loop(selector)) as runner:
            before, after = runner.run(self._drive(*prepared, meter))
        return (
            self._before.end(prepared[0], meter, before),
            self._after.end(prepared[1], meter, after),
        )

    async def _drive(
        self, before: Prepared, after: Prepared, meter: OverheadMeter
    ) -> tuple[Window, Window]:
        first, second = Relay().batons()
        tasks = (
            asyncio.create_task(self._before.drive(before, meter, first)),
            asyncio.create_task(self._after.drive(after, meter, second)),
        )
        with suppress(asyncio.CancelledError):  # Ctrl-C: what was measured so far counts
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return tasks[0].result(), tasks[1].result()


def _check_alike(before: Scenario, after: Scenario) -> None:
    if isinstance(after.load, OpenLoad):
        raise BadScenario(
            "runs in turns take load.kind iterations or concurrency: requests at given times"
            " cannot wait for another server's"
        )
    expected = msgspec.structs.replace(after, target=before.target, labels=before.labels)
    if before != expected:
        differing = [
            name
            for name in Scenario.__struct_fields__
            if getattr(before, name) != getattr(expected, name)
        ]
        raise BadScenario(f"runs in turns ask two servers the same; {differing[0]} differs")


def _deaf(event: Event) -> None:
    """Both sides go on together: one tells how far."""
