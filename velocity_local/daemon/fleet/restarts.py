"""When a worker that died is started again, and when that is given up."""

from collections import deque

from velocity_local.config.settings import FleetSettings


class RestartPolicy:
    """Counts starts that came to nothing.

    A worker that had answered somebody is replaced at once and forgives what came before: its
    death costs nobody an answer. One that had not is replaced after a delay that doubles, and
    no more than `max_starts` times in a window.
    """

    def __init__(self, settings: FleetSettings) -> None:
        self._settings = settings
        self._fruitless: deque[float] = deque()

    def delay_after_death(self, now_s: float, *, was_useful: bool) -> float | None:
        """Seconds until the next start; None to give up."""
        if was_useful:
            self._fruitless.clear()
            return 0.0
        self._forget(now_s)
        self._fruitless.append(now_s)
        if len(self._fruitless) >= self._settings.max_starts:
            return None
        delay_s = self._settings.restart_delay_s * 2 ** (len(self._fruitless) - 1)
        return float(min(delay_s, self._settings.restart_delay_max_s))

    def retry_after_s(self, now_s: float) -> float:
        """Seconds until another start is allowed."""
        self._forget(now_s)
        if len(self._fruitless) < self._settings.max_starts:
            return 0.0
        return self._fruitless[0] + self._settings.start_window_s - now_s

    def reset(self) -> None:
        """Somebody asked for a start by hand."""
        self._fruitless.clear()

    def _forget(self, now_s: float) -> None:
        oldest_s = now_s - self._settings.start_window_s
        while self._fruitless and self._fruitless[0] <= oldest_s:
            self._fruitless.popleft()
