"""Arithmetic of KV cells: who holds how many, and how many are in use. Knows no backend."""


class _Run:
    """Consecutive cells that slots share: each holder has the first so many of them."""

    __slots__ = ("held", "length")

    def __init__(self, slot: int, length: int) -> None:
        self.held = {slot: length}
        self.length = length


class CellLedger:
    """Counts the cells of a cache in which sequences share the cells of their prefixes.

    A slot's cells are a chain of runs. Copying a prefix shares the source's runs; a slot that
    grows beyond cells another slot has written starts a run of its own. If nothing `shares`, a
    copy is as many cells again.
    """

    def __init__(self, n_cells: int, *, shares: bool = True) -> None:
        self.n_cells = n_cells
        self._shares = shares
        self.used = 0
        self._chains: dict[int, list[_Run]] = {}
        self._lengths: dict[int, int] = {}

    @property
    def free(self) -> int:
        return self.n_cells - self.used

    def length(self, slot: int) -> int:
        return self._lengths.get(slot, 0)

    def grow(self, slot: int, n_cells: int) -> None:
        chain = self._chains.setdefault(slot, [])
        last = chain[-1] if chain else None
        if last is not None and last.held[slot] == last.length:
            last.length += n_cells
            last.held[slot] = last.length
        else:
            chain.append(_Run(slot, n_cells))
        self.used += n_cells
        self._lengths[slot] = self._lengths.get(slot, 0) + n_cells

    def copy(self, source: int, target: int, length: int) -> None:
        assert not self._chains.get(target), f"slot {target} is not empty"
        assert length <= self.length(source), f"slot {source} has fewer than {length} cells"
        if not self._shares:
            self.grow(target, length)
            return
        shared: list[_Run] = []
        left = length
        for run in self._chains.get(source, ()):
            if left == 0:
                break
            run.held[target] = min(left, run.held[source])
            left -= run.held[target]
            shared.append(run)
        self._chains[target] = shared
        self._lengths[target] = length

    def truncate(self, slot: int, length: int) -> None:
        """Let go of all cells from `length` on; the last holder of a cell frees it."""
        chain = self._chains.get(slot, [])
        excess = max(0, self.length(slot) - length)
        self._lengths[slot] = self.length(slot) - excess
        while excess:
            run = chain[-1]
            dropped = min(excess, run.held[slot])
            excess -= dropped
            run.held[slot] -= dropped
            if run.held[slot] == 0:
                del run.held[slot]
                chain.pop()
            longest = max(run.held.values(), default=0)
            self.used -= run.length - longest
            run.length = longest

    def clear(self, slot: int) -> None:
        self.truncate(slot, 0)
        self._chains.pop(slot, None)
        self._lengths.pop(slot, None)
