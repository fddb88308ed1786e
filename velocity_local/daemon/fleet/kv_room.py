"""How much of what models have computed each may keep in memory: what models leave over. Pure, but
for the limits that were told.
"""

from collections.abc import Sequence
from typing import NamedTuple

# A limit is told anew if it changes by more than this part of what was configured.
_STEPS = 16


class Saver(NamedTuple):
    """A ready model that has saved `kv_bytes` of prompts, and would save up to `most_bytes`."""

    model: str
    kv_bytes: int
    most_bytes: int


class KvRoom:
    """Remembers what each worker was told."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def begin(self, model: str) -> None:
        """A new worker: it knows what was configured."""
        self._told.pop(model, None)

    def take(self, saver: Saver, n_bytes: int) -> int:
        """The limit by which it lets go of so many bytes."""
        self._told[saver.model] = limit = max(saver.kv_bytes - n_bytes, 0)
        return limit

    def changed(self, savers: Sequence[Saver], free_bytes: int) -> list[tuple[str, int]]:
        """The limits that are to be told, if `free_bytes` are left beside all that is held."""
        news = []
        for saver, limit in zip(savers, limits(savers, free_bytes), strict=True):
            before = self._told.get(saver.model, saver.most_bytes)
            is_back = limit == saver.most_bytes != before
            if is_back or abs(limit - before) * _STEPS > saver.most_bytes:
                self._told[saver.model] = limit
                news.append((saver.model, limit))
        return news


def limits(savers: Sequence[Saver], free_bytes: int) -> list[int]:
    """Equal parts of what is free for each to grow by; with less than nothing, all shrink alike."""
    if free_bytes >= 0:
        share = free_bytes // max(len(savers), 1)
        return [min(saver.most_bytes, saver.kv_bytes + share) for saver in savers]
    held_bytes = sum(saver.kv_bytes for saver in savers)
    kept_bytes = max(held_bytes + free_bytes, 0)
    return [saver.kv_bytes * kept_bytes // max(held_bytes, 1) for saver in savers]
