"""What the members of a crowd tell each other in one run, through Dask's scheduler."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from velocity_local.lens.errors import LensError

if TYPE_CHECKING:
    from distributed import Client

_LOOK_EVERY_S = 1.0


class DaskMissing(LensError):
    """The extra `distributed` is not installed."""


def library() -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra, and a second of imports
    except ImportError as error:
        raise DaskMissing(
            "several workers need the extra: pip install 'velocity-local[distributed]'"
        ) from error
    return distributed


class Signals:
    """What the crowd's members tell each other in one run: ready, begin, stop."""

    def __init__(self, client: "Client", name: str) -> None:
        distributed = library()
        self.name = name
        self.topic = f"lens-progress-{name}"
        self._ready = distributed.Queue(f"lens-ready-{name}", client=client)
        self._go = distributed.Event(f"lens-go-{name}", client=client)
        self._stop = distributed.Event(f"lens-stop-{name}", client=client)

    def is_one_ready(self) -> bool:
        """Whether one more worker is; waits a moment for it."""
        try:
            self._ready.get(timeout=_LOOK_EVERY_S)
        except TimeoutError:
            return False
        return True

    def begin(self) -> None:
        self._go.set()

    def stop(self) -> None:
        self._stop.set()

    def wait_to_begin(self) -> None:
        """Say that one is ready, and return when all are, or when the run is over before that."""
        self._ready.put(1)
        while not self._go.wait(timeout=_LOOK_EVERY_S):
            if self._stop.is_set():
                return

    def on_stop(self, work: Callable[[], None]) -> None:
        """Do `work` when the run is stopped; it is always stopped at last."""

        def wait() -> None:
            self._stop.wait()
            work()

        threading.Thread(target=wait, name="lens-stop", daemon=True).start()
