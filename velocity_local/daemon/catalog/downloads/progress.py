"""How far a download is: written by its thread, read by the event loop."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from velocity_local.core.clock import Clock

_WINDOW_S = 5.0
_SAMPLE_S = 0.25


class Progress:
    """Bytes of all files of a download. Its threads write; readers see whole numbers."""

    def __init__(self, total_bytes: int, *, clock: Clock) -> None:
        self.total_bytes = total_bytes
        self.retries = 0
        self.is_verifying = False
        self._clock = clock
        self._lock = threading.Lock()
        self._finished_bytes = 0
        self._file_bytes = 0
        self._fetched_bytes = 0
        self._samples: deque[tuple[float, int]] = deque([(clock.monotonic_s(), 0)])

    @property
    def done_bytes(self) -> int:
        return self._finished_bytes + self._file_bytes

    @property
    def bytes_per_s(self) -> float:
        """What came over the network in the last seconds, on average."""
        since_s, before = self._samples[0]
        elapsed_s = self._clock.monotonic_s() - since_s
        return (self._fetched_bytes - before) / elapsed_s if elapsed_s > 0 else 0.0

    def add(self, n_bytes: int) -> None:
        """Bytes of the current file have come."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._file_bytes += n_bytes
            self._fetched_bytes += n_bytes
            if now_s - self._samples[-1][0] >= _SAMPLE_S:
                self._samples.append((now_s, self._fetched_bytes))
                while now_s - self._samples[0][0] > _WINDOW_S and len(self._samples) > 1:
                    self._samples.popleft()

    def set_file(self, n_bytes: int) -> None:
        """So much of the current file is here."""
        self._file_bytes = n_bytes

    def finish_file(self, size_bytes: int) -> None:
        """The current file is complete; the next one begins."""
        self._finished_bytes += size_bytes
        self._file_bytes = 0

    def count_retry(self) -> None:
        with self._lock:
            self.retries += 1

    @contextmanager
    def verifying(self, *, is_true: bool = True) -> Iterator[None]:
        """While bytes on disk are read and no others are waited for."""
        self.is_verifying = is_true
        try:
            yield
        finally:
            self.is_verifying = False
