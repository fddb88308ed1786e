"""One measurement: a worker process that is told to measure, watched until it ends."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from velocity_local.core.errors import InternalError, ModelFailed, VelocityError, from_info
from velocity_local.core.tuning import TunePlan, TuneResult, TuneStatus
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.daemon.fleet.process import Stop, WorkerProcess
from velocity_local.daemon.fleet.worker_log import WorkerLog
from velocity_local.wire.ipc.messages import AnyReport, LoadFailed, Tune, Tuned, Tuning

GONE_TIMEOUT_S = 5.0


class TuneRun:
    """Implements `process.Listener` for one process."""

    def __init__(
        self,
        path: str,
        plan: TunePlan,
        *,
        log: WorkerLog,
        on_status: Callable[[TuneStatus], None],
    ) -> None:
        self._command = Tune(path, plan)
        self._process = WorkerProcess(0, listener=self, log=log)
        self._on_status = on_status
        self._outcome: asyncio.Future[TuneResult] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()

    async def result(
        self, command: tuple[str, ...], environment: Mapping[str, str], *, timeout_s: float
    ) -> TuneResult:
        """Run the process to its end; cancelling ends it.

        Raises:
            VelocityError: why it could not be measured.
        """
        await self._process.spawn(command, environment)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._outcome
        except TimeoutError as error:
            raise ModelFailed(
                f"the measurement was not done after {timeout_s:.0f} s; give it a larger budget"
            ) from error
        finally:
            await self._end()

    def on_spawned(self, _worker_id: int, _pid: int) -> None:
        self._process.send(self._command)

    def on_report(self, worker_id: int, report: AnyReport) -> None:
        match report:
            case Tuning(status):
                self._on_status(status)
            case Tuned(result):
                if not self._outcome.done():
                    self._outcome.set_result(result)
            case LoadFailed(error):
                self._fail(from_info(error))
            case _:
                self.on_garbage(worker_id, type(report).__name__)

    def on_garbage(self, _worker_id: int, reason: str) -> None:
        self._fail(InternalError(f"the measuring process sent garbage: {reason}"))

    def on_exit(self, _worker_id: int, end: Exit) -> None:
        self._fail(ModelFailed(f"the measuring process ended: {end.description}"))
        self._gone.set()

    def _fail(self, error: VelocityError) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(error)

    async def _end(self) -> None:
        """Whatever happened, no process stays."""
        if not self._gone.is_set():
            self._process.stop(Stop.KILL)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), GONE_TIMEOUT_S)
