"""Sequence ids: which are free, which run, and which only keep finished cells for reuse."""

import heapq


class SlotTable:
    """Hands out the library's sequence ids, lowest first.

    A slot is free, running, or resident: resident slots keep the cells of a finished sequence
    and are given up in the order in which they were last used.
    """

    def __init__(self, n_slots: int) -> None:
        self.n_slots = n_slots
        self._free = list(range(n_slots))
        self._running: set[int] = set()
        self._resident: dict[int, None] = {}

    @property
    def residents(self) -> tuple[int, ...]:
        """Oldest first."""
        return tuple(self._resident)

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    def is_resident(self, slot: int) -> bool:
        return slot in self._resident

    def claim(self) -> int:
        slot = heapq.heappop(self._free)
        self._running.add(slot)
        return slot

    def release(self, slot: int) -> None:
        """Free a slot whose cells are gone."""
        if slot in self._resident:
            del self._resident[slot]
        else:
            self._running.remove(slot)
        heapq.heappush(self._free, slot)

    def retire(self, slot: int) -> None:
        """The slot's sequence has ended; its cells stay."""
        self._running.remove(slot)
        self._resident[slot] = None

    def revive(self, slot: int) -> None:
        """A new sequence takes over a resident slot with its cells."""
        del self._resident[slot]
        self._running.add(slot)

    def touch(self, slot: int) -> None:
        """A resident was useful: it becomes the most recent."""
        del self._resident[slot]
        self._resident[slot] = None

    def check_integrity(self) -> None:
        everything = [*self._free, *self._running, *self._resident]
        assert sorted(everything) == list(range(self.n_slots)), "a slot is lost or doubled"
