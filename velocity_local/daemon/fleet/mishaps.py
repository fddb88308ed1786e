"""What went wrong with a model: why it cannot be had now, and how often its process died."""

import logging
from collections.abc import Callable

from velocity_local.config.settings import FleetSettings
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.fleet import failures
from velocity_local.daemon.fleet.restarts import RestartPolicy

log = logging.getLogger(__name__)


class Mishaps:
    """`failure` holds for a while; `last_error` is kept until the next one."""

    def __init__(self, model: str, settings: FleetSettings) -> None:
        self._model = model
        self._restarts = RestartPolicy(settings)
        self.failure: failures.Failure | None = None
        self.last_error: str | None = None
        self.has_shrunk = False
        self.restart_count = 0
        self.resume_count = 0

    def refusal(self, now_s: float) -> ErrorInfo | None:
        """What callers are told while the failure holds."""
        if self.failure is None or not self.failure.holds(now_s):
            return None
        return self.failure.told(now_s)

    def told(self, now_s: float) -> ErrorInfo:
        """The failure, which there is."""
        assert self.failure is not None
        return self.failure.told(now_s)

    def smaller_once(self, ask: Callable[[], LoadOptions | None]) -> LoadOptions | None:
        """What to try instead, if that was not done yet for this load."""
        smaller = None if self.has_shrunk else ask()
        self.has_shrunk |= smaller is not None
        return smaller

    def note(self, failure: failures.Failure) -> None:
        self.failure = failure
        self.has_shrunk = False
        self.last_error = failure.error.message

    def on_death(self, reason: str, now_s: float, *, was_useful: bool) -> float | None:
        """Seconds until the next start; None if there is none, and `failure` says why."""
        self.last_error = reason
        delay_s = self._restarts.delay_after_death(now_s, was_useful=was_useful)
        if delay_s is None:
            log.error("model %s: %s; given up", self._model, reason)
            retry_after_s = self._restarts.retry_after_s(now_s)
            self.note(failures.gave_up(self._model, reason, now_s, retry_after_s))
            return None
        log.warning("model %s: %s; starting it again in %g s", self._model, reason, delay_s)
        self.restart_count += 1
        return delay_s

    def forgive(self) -> None:
        """Somebody asked by hand: what went wrong before no longer counts."""
        self.failure = None
        self._restarts.reset()
