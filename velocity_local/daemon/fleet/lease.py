"""How long a model stays while nobody uses it."""

from velocity_local.core.clock import Clock
from velocity_local.daemon.fleet.effects import Effects, Timer, TimerKind


class Lease:
    """`keep_alive_s` None keeps it for ever, as does `is_pinned`, which nothing else overrides."""

    def __init__(
        self, model: str, keep_alive_s: float | None, *, effects: Effects, clock: Clock
    ) -> None:
        self.keep_alive_s = keep_alive_s
        self.is_pinned = False
        self._timer = Timer(TimerKind.IDLE, model, 0)
        self._effects = effects
        self._clock = clock
        self._last_used_s = clock.monotonic_s()

    @property
    def idle_s(self) -> float:
        return self._clock.monotonic_s() - self._last_used_s

    def use(self) -> None:
        """Somebody wants it, or did until now."""
        self._last_used_s = self._clock.monotonic_s()
        self._effects.disarm(self._timer)

    def rest(self) -> None:
        """It is loaded and nobody wants it: from now on it counts how long nobody comes."""
        if self.keep_alive_s is None or self.is_pinned:
            self._effects.disarm(self._timer)
        else:
            self._effects.arm(self._timer, self.keep_alive_s)
