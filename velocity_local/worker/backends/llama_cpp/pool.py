"""Samples the rows of a step on several threads; the library lets go of Python while it does."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class RowPool:
    """Maps a function over rows on `n_threads` threads, the caller's own among them.

    Threads start when they are first needed and end with `close`.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._executor = ThreadPoolExecutor(max(1, n_threads - 1), "sampling")

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The results in the order of the items. An exception is raised once all are done."""
        share = -(-len(items) // self._n_threads)
        shares = [items[at : at + share] for at in range(share, len(items), share)]
        futures = [self._executor.submit(_map, function, part) for part in shares]
        try:
            results = _map(function, items[:share])
        finally:
            rest = [future.result() for future in futures]
        for part in rest:
            results += part
        return results

    def close(self) -> None:
        self._executor.shutdown()


def _map(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]
