"""Identifiers that sort by time of creation, also when the wall clock steps back.

The layout is ULID's: 48 bits of milliseconds and 80 bits of randomness in Crockford's base 32
(https://github.com/ulid/spec), monotonic within one process.
"""

import secrets
import threading

from velocity_local.core.clock import Clock, SystemClock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26


class IdSource:
    """Hands out identifiers; each is greater than the one before."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._last = 0
        self._lock = threading.Lock()

    def new(self, prefix: str = "") -> str:
        fresh = (int(self._clock.wall_s() * 1000) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            self._last = max(fresh, self._last + 1)
            return prefix + _encode(self._last)


def _encode(value: int) -> str:
    return "".join(_ALPHABET[(value >> (5 * i)) & 31] for i in reversed(range(_LENGTH)))
