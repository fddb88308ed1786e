"""A token bucket: how long to wait so that a rate is kept."""


class TokenBucket:
    """Lets `per_min` units a minute through, a minute's worth at once at most.

    Knows no clock: callers say what time it is. A claim may go into debt; later ones wait for it.
    """

    def __init__(self, per_min: float, *, now_s: float) -> None:
        self._per_s = per_min / 60
        self._most = per_min
        self._left = per_min
        self._at_s = now_s

    def claim(self, units: float, now_s: float) -> float:
        """Take `units`; returns the seconds to wait before using them."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        self._left -= units
        return max(0.0, -self._left / self._per_s)

    def correct(self, units: float) -> None:
        """Give back `units` that were claimed and not used; negative if more were used."""
        self._left = min(self._most, self._left + units)
