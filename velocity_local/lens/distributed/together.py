"""What a crowd's members tell of their progress, as the progress of one run."""

from time import perf_counter

import msgspec

from velocity_local.lens.driver import PROGRESS_EVERY_S
from velocity_local.lens.events import Listener, Progress


class Together:
    """The progress of all as one. Percentiles cannot be added up, and are left out."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._latest: dict[int, Progress] = {}
        self._told_s = 0.0

    def hear(self, event: tuple[float, tuple[int, bytes]]) -> None:
        """What a worker logged, with the time at which it did."""
        _, (number, data) = event
        self._latest[number] = msgspec.msgpack.decode(data, type=Progress)
        now_s = perf_counter()
        if now_s - self._told_s >= PROGRESS_EVERY_S:
            self._told_s = now_s
            self._listen(self.progress())

    def progress(self) -> Progress:
        known = self._latest.values()
        return Progress(
            elapsed_s=max((one.elapsed_s for one in known), default=0.0),
            n_done=sum(one.n_done for one in known),
            n_failed=sum(one.n_failed for one in known),
            n_running=sum(one.n_running for one in known),
            n_output_tokens=sum(one.n_output_tokens for one in known),
        )
