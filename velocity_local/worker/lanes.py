"""Threads that do a worker's side work in order, so that the engine's thread need not."""

import queue
import threading
from collections.abc import Callable


class Lane:
    """One thread; what is put is called one by one, and must not raise."""

    def __init__(self, name: str) -> None:
        self._items: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, call: Callable[[], None]) -> None:
        self._items.put(call)

    def _run(self) -> None:
        while True:
            self._items.get()()
