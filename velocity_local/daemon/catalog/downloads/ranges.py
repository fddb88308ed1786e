"""Which bytes of a file are here: ranges that fill from their starts, several at the same time.

Shared by the threads of one transfer; knows neither files nor networks.
"""

import threading
from collections.abc import Sequence

LEAST_STEP_BYTES = 64 * 1024 * 1024
MAX_RANGES = 64


def step_for(size_bytes: int) -> int:
    """How long a file's ranges are, so that there are at most 64 and none is small."""
    return max(LEAST_STEP_BYTES, -(-size_bytes // MAX_RANGES))


class Ranges:
    """The ranges of one file. A range has one holder at a time, from `claim` to `release`."""

    def __init__(self, size_bytes: int, step_bytes: int, done: Sequence[int] = ()) -> None:
        """`done` has the bytes of each range that are here; nothing, if it is empty."""
        self.size_bytes = size_bytes
        self._step_bytes = step_bytes
        self._done = list(done) or [0] * count(size_bytes, step_bytes)
        self._held: set[int] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._done)

    def start(self, number: int) -> int:
        """The range's first byte."""
        return number * self._step_bytes

    def end(self, number: int) -> int:
        """The byte after the range's last."""
        return min(self.size_bytes, (number + 1) * self._step_bytes)

    def at(self, number: int) -> int:
        """The first byte of the range that is not here."""
        return self.start(number) + self._done[number]

    def done_in(self, number: int) -> int:
        return self._done[number]

    @property
    def done_bytes(self) -> int:
        return sum(self._done)

    def claim(self) -> int | None:
        """The first range that is not whole and that nobody holds."""
        with self._changed:
            for number in range(len(self._done)):
                if number not in self._held and self.at(number) < self.end(number):
                    self._held.add(number)
                    return number
        return None

    def release(self, number: int) -> None:
        with self._changed:
            self._held.discard(number)

    def advance(self, number: int, n_bytes: int) -> None:
        """Its holder has written so many more bytes."""
        with self._changed:
            self._done[number] += n_bytes
            self._changed.notify_all()

    def frontier(self) -> int:
        """The first byte of the file that is not here."""
        for number in range(len(self._done)):
            if self.at(number) < self.end(number):
                return self.at(number)
        return self.size_bytes

    def wait_beyond(self, offset: int, timeout_s: float) -> int:
        """The frontier, once it is beyond `offset`, or somebody wakes, or the time is over."""
        with self._changed:
            if self.frontier() <= offset:
                self._changed.wait(timeout_s)
            return self.frontier()

    def wake(self) -> None:
        """Let who waits look around."""
        with self._changed:
            self._changed.notify_all()


def count(size_bytes: int, step_bytes: int) -> int:
    return -(-size_bytes // step_bytes)
