"""The measurements of this daemon, one at a time: begun, looked at, cancelled, outcomes kept."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from velocity_local.config.logfile import worker_log
from velocity_local.core.clock import Clock
from velocity_local.core.errors import Conflict, InvalidRequest, NotFound, VelocityError
from velocity_local.core.ids import IdSource
from velocity_local.core.models import ModelEntry
from velocity_local.core.tuning import TuneKey, TunePlan, TuneResult, TuneState, TuneStatus
from velocity_local.daemon.catalog.tuned import TunedStore
from velocity_local.daemon.fleet.tuning.policy import LoadPolicy
from velocity_local.daemon.fleet.tuning.run import TuneRun
from velocity_local.daemon.fleet.worker_log import WorkerLog
from velocity_local.wire.http.tuning import OptionList, TuneAsk, TuningItem

KEPT_JOBS = 50
# Loading takes its time, and the last trials may outlast the budget.
GRACE_S = 600.0
_log = logging.getLogger(__name__)


class Models(Protocol):
    """Knows the models on this machine."""

    async def resolve(self, name: str) -> ModelEntry: ...


class Fleet(Protocol):
    """What must be quiet while something is measured."""

    @property
    def busy(self) -> int:
        """Requests that run or wait now."""
        ...

    async def unload(self, model: str) -> None: ...


class _Job:
    """A measurement and how far it is. Only `Tunings` changes it."""

    def __init__(
        self, identifier: str, entry: ModelEntry, fixed: tuple[TuneKey, ...], created_s: float
    ) -> None:
        self.id = identifier
        self.entry = entry
        self.fixed = fixed
        self.created_s = created_s
        self.ended_s: float | None = None
        self.state: TuneState = "running"
        self.status = TuneStatus("loading the model", 0.0)
        self.result: TuneResult | None = None
        self.error: str | None = None
        self.task: asyncio.Task[None] | None = None

    def seen(self) -> TuningItem:
        result = self.result
        return TuningItem(
            id=self.id,
            model=self.entry.id,
            state=self.state,
            doing=self.status.doing,
            share=1.0 if result is not None else self.status.share,
            steps=self.status.steps if result is None else result.steps,
            created_s=self.created_s,
            ended_s=self.ended_s,
            values=None if result is None else result.values,
            cost=None if result is None else result.cost,
            fixed=self.fixed,
            unmeasured=() if result is None else result.unmeasured,
            error=self.error,
        )


class Tunings:
    """Owned by the event loop; a measurement runs in a process of its own."""

    def __init__(
        self,
        *,
        models: Models,
        fleet: Callable[[], Fleet],
        policy: LoadPolicy,
        store: TunedStore,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        log_folder: Path,
        clock: Clock,
    ) -> None:
        self._models = models
        self._fleet = fleet
        self.policy = policy
        self.store = store
        self._command = command
        self._environment = environment
        self._log_folder = log_folder
        self._clock = clock
        self._ids = IdSource(clock)
        self._jobs: dict[str, _Job] = {}

    async def start(self, ask: TuneAsk) -> TuningItem:
        """Begin to measure; the model is unloaded first, its memory is needed.

        Raises:
            ModelNotFound: if there is no such model.
            Conflict: if another measurement or any request runs.
            InvalidRequest: if there is nothing to measure.
        """
        entry = await self._models.resolve(ask.model)
        keys, fixed = self.policy.tunable(with_quality=ask.allow_quality)
        if not keys:
            raise InvalidRequest(f"nothing is left to measure: {', '.join(fixed)} are set by hand")
        self._check_quiet()
        job = _Job(self._ids.new("tu_"), entry, fixed, self._clock.wall_s())
        self._jobs[job.id] = job
        plan = TunePlan(self.policy.untuned(entry), keys, ask.budget_s)
        job.task = asyncio.create_task(self._run(job, plan), name=job.id)
        self._forget_old()
        return job.seen()

    def all(self) -> list[TuningItem]:
        """Since the start of the daemon, newest first."""
        return [job.seen() for job in reversed(self._jobs.values())]

    def get(self, identifier: str) -> TuningItem:
        """Raises NotFound if there is none of that id."""
        return self._find(identifier).seen()

    async def cancel(self, identifier: str) -> TuningItem:
        """End it; one that has ended stays as it is. Raises NotFound."""
        job = self._find(identifier)
        await _stop(job)
        return job.seen()

    async def options(self, model: str) -> OptionList:
        """How a model is loaded the next time. Raises ModelNotFound."""
        entry = await self._models.resolve(model)
        tuned = self.store.find(entry.fingerprint)
        return OptionList(
            entry.id,
            self.policy.effective(entry),
            None if tuned is None else tuned.tuned_s,
            None if tuned is None else tuned.cost,
        )

    async def forget(self, model: str) -> OptionList:
        """Load the model as if it had never been measured.

        Raises:
            ModelNotFound: if there is no such model.
            NotFound: if nothing is kept of it.
        """
        entry = await self._models.resolve(model)
        if not self.store.forget(entry.fingerprint):
            raise NotFound(f"nothing was measured of {entry.id!r} on this machine")
        return await self.options(entry.id)

    async def close(self) -> None:
        for job in self._jobs.values():
            await _stop(job)

    def _check_quiet(self) -> None:
        running = next((job for job in self._jobs.values() if job.ended_s is None), None)
        if running is not None:
            raise Conflict(f"{running.entry.id} is being measured; wait, or cancel {running.id}")
        if n_busy := self._fleet().busy:
            raise Conflict(
                f"{n_busy} requests are under way, which a measurement would disturb and be "
                "disturbed by; try again when they are done"
            )

    async def _run(self, job: _Job, plan: TunePlan) -> None:
        """A fault of ours ends the job too; it shows as the task's exception."""
        try:
            await self._fleet().unload(job.entry.id)
            job.result = await self._measured(job, plan)
            self._keep(job.entry, plan, job.result)
        except VelocityError as error:
            self._end(job, "failed", error.message)
        except asyncio.CancelledError:
            self._end(job, "cancelled")
            raise
        else:
            self._end(job, "done")
        finally:
            if job.ended_s is None:
                self._end(job, "failed", "internal error; the daemon's log has it")

    async def _measured(self, job: _Job, plan: TunePlan) -> TuneResult:
        def on_status(status: TuneStatus) -> None:
            job.status = status

        log = WorkerLog(worker_log(self._log_folder, job.entry.id))
        run = TuneRun(job.entry.path, plan, log=log, on_status=on_status)
        timeout_s = plan.budget_s + GRACE_S
        return await run.result(self._command, self._environment, timeout_s=timeout_s)

    def _keep(self, entry: ModelEntry, plan: TunePlan, result: TuneResult) -> None:
        """What was measured replaces what was known of it; the rest stays known."""
        measured = set(plan.keys) - set(result.unmeasured)
        if not measured:
            return
        known = self.store.find(entry.fingerprint)
        before = {} if known is None else known.values.given()
        kept = {key: value for key, value in before.items() if key not in measured}
        values = msgspec.structs.replace(result.values, **kept)
        if known is not None and "speculation" not in measured:
            values = msgspec.structs.replace(values, pass_ms=known.values.pass_ms)
        cost = known.cost if known is not None and kept else result.cost
        now_s = self._clock.wall_s()
        self.store.put(entry.fingerprint, entry.id, values, cost=cost, now_s=now_s)

    def _end(self, job: _Job, state: TuneState, error: str | None = None) -> None:
        job.state, job.error = state, error
        job.ended_s = self._clock.wall_s()
        _log.info("measuring %s is %s %s", job.entry.id, state, error or "")

    def _find(self, identifier: str) -> _Job:
        job = self._jobs.get(identifier)
        if job is None:
            raise NotFound(f"there is no measurement {identifier[:80]!r} since the daemon's start")
        return job

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.ended_s is not None]
        for identifier in ended[: max(len(self._jobs) - KEPT_JOBS, 0)]:
            del self._jobs[identifier]


async def _stop(job: _Job) -> None:
    if job.task is not None and not job.task.done():
        job.task.cancel()
        with suppress(asyncio.CancelledError):
            await job.task
