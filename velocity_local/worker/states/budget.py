"""How much may be written in an hour, so that a cache does not wear out a disk."""

from velocity_local.core.clock import Clock

_HOUR_S = 3600.0


class WriteBudget:
    """Fills up evenly, up to what one hour may have. Used by one thread."""

    def __init__(self, bytes_per_hour: int, clock: Clock) -> None:
        self._bytes_per_hour = bytes_per_hour
        self._clock = clock
        self._left = float(bytes_per_hour)
        self._seen_s = clock.monotonic_s()

    def take(self, n_bytes: int) -> bool:
        """Spend `n_bytes`; False, and nothing is spent, if there are not so many left."""
        now_s = self._clock.monotonic_s()
        earned = (now_s - self._seen_s) / _HOUR_S * self._bytes_per_hour
        self._left = min(float(self._bytes_per_hour), self._left + earned)
        self._seen_s = now_s
        if n_bytes > self._left:
            return False
        self._left -= n_bytes
        return True
