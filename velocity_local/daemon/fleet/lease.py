"""How long a model stays while nobody uses it."""

from velocity_local.core.clock import Clock
from velocity_local.daemon.fleet.effects import Effects, Timer, TimerKind
from velocity_local.daemon.fleet.stays import Stay


class Lease:
    """`stay` is what was said of the model; a request may say otherwise for the time after it."""

    def __init__(self, model: str, stay: Stay, *, effects: Effects, clock: Clock) -> None:
        self.stay = stay
        self._asked_s: float | None = None
        self._timer = Timer(TimerKind.IDLE, model, 0)
        self._effects = effects
        self._clock = clock
        self._last_used_s = clock.monotonic_s()

    @property
    def idle_s(self) -> float:
        return self._clock.monotonic_s() - self._last_used_s

    @property
    def keep_alive_s(self) -> float | None:
        """None keeps it for ever."""
        if self.stay.is_pinned:
            return None
        return self.stay.keep_alive_s if self._asked_s is None else self._asked_s or None

    @property
    def leaves_s(self) -> float | None:
        """When it goes by the wall's clock if nobody comes; None for never."""
        if self.keep_alive_s is None:
            return None
        return self._clock.wall_s() + max(self.keep_alive_s - self.idle_s, 0.0)

    def ask(self, keep_alive_s: float | None) -> None:
        """A request came; it may say how long the model stays after it, 0 being for ever."""
        self._asked_s = keep_alive_s
        self.use()

    def use(self) -> None:
        """Somebody wants it, or did until now."""
        self._last_used_s = self._clock.monotonic_s()
        self._effects.disarm(self._timer)

    def rest(self) -> None:
        """It is loaded and nobody wants it: from now on it counts how long nobody comes."""
        if self.keep_alive_s is None:
            self._effects.disarm(self._timer)
        else:
            self._effects.arm(self._timer, self.keep_alive_s)
