"""Waits until a model can answer, telling meanwhile what is loaded."""

from dataclasses import dataclass

from velocity_local.cli.exits import CliError
from velocity_local.cli.output import Output
from velocity_local.cli.waiting import Pause, wait_for
from velocity_local.client import api
from velocity_local.client.http import HttpClient
from velocity_local.core.clock import Clock, SystemClock
from velocity_local.wire.http.admin import StatusAnswer

_INTERVAL_S = 0.05
_BUSY = {"loading", "unloading"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a model can answer; `model` is the one to try first, `reason` why there is none."""

    is_ready: bool
    model: str | None
    reason: str = ""


def wait(
    client: HttpClient,
    out: Output,
    *,
    timeout_s: float,
    clock: Clock | None = None,
    pause: Pause | None = None,
) -> Outcome:
    """Return once a model is ready, or none will be without further action.

    Raises:
        CliError: if it takes longer than `timeout_s`.
    """
    clock = clock or SystemClock()
    began_s = clock.monotonic_s()

    def probe() -> Outcome | None:
        status = api.status(client)
        outcome = judge(status)
        if outcome is None:
            out.progress(f"{_loading(status)} ... {clock.monotonic_s() - began_s:.1f} s")
        return outcome

    outcome = wait_for(probe, timeout_s=timeout_s, interval_s=_INTERVAL_S, clock=clock, pause=pause)
    out.end_progress()
    if outcome is None:
        raise CliError(
            f"no model is ready after {timeout_s:.0f} s", next_step="velocity-local logs"
        )
    return outcome


def judge(status: StatusAnswer) -> Outcome | None:
    """What the status says about readiness; None while a model is still loading."""
    ready = next((worker.model for worker in status.workers if worker.state == "ready"), None)
    if status.is_ready or ready is not None:
        return Outcome(is_ready=True, model=ready)
    if status.preloading or any(worker.state in _BUSY for worker in status.workers):
        return None
    failed = next((worker for worker in status.workers if worker.state == "failed"), None)
    if failed is not None:
        reason = failed.last_error or status.not_ready_reason
        return Outcome(is_ready=False, model=None, reason=f"{failed.model}: {reason}")
    if not status.workers:
        return Outcome(is_ready=False, model=None, reason=status.not_ready_reason)
    return None


def _loading(status: StatusAnswer) -> str:
    names = [worker.model for worker in status.workers if worker.state in _BUSY]
    names = names or list(status.preloading)
    return f"loading {', '.join(names)}" if names else "waiting for a model"
