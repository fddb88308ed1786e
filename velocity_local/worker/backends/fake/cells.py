"""A KV cache that holds tokens: every cell is there, with its owners counted one by one."""

from collections import Counter

from velocity_local.worker.engine.backend import BackendError, Truncation


class FakeCells:
    """Behaves like a unified KV cache, its refusals included."""

    def __init__(
        self,
        *,
        n_cells: int,
        n_seq_max: int,
        truncation: Truncation,
        can_copy_part: bool,
        window: int,
    ) -> None:
        self._free = list(range(n_cells))
        self._owners: Counter[int] = Counter()
        self._cells: list[list[int]] = [[] for _ in range(n_seq_max)]
        self._tokens: list[list[int]] = [[] for _ in range(n_seq_max)]
        self._adapters = [""] * n_seq_max
        self._truncation = truncation
        self._can_copy_part = can_copy_part
        self._window = window

    @property
    def n_free(self) -> int:
        return len(self._free)

    def tokens(self, sequence: int) -> list[int]:
        """What the sequence's cells hold; not a copy."""
        return self._tokens[sequence]

    def append(self, sequence: int, tokens: list[int], adapter: str) -> None:
        if not self._tokens[sequence]:
            self._adapters[sequence] = adapter
        elif self._adapters[sequence] != adapter:
            raise BackendError(f"sequence {sequence} has cells of another adapter")
        for token in tokens:
            cell = self._free.pop()
            self._owners[cell] = 1
            self._cells[sequence].append(cell)
            self._tokens[sequence].append(token)

    def copy(self, source: int, target: int, length: int) -> None:
        held = len(self._tokens[source])
        if self._tokens[target]:
            raise BackendError(f"copy to sequence {target}, which is not empty")
        if length > held:
            raise BackendError(f"copy of {length} cells; sequence {source} has {held}")
        if length < held and not self._can_copy_part:
            raise BackendError(f"copy of {length} of {held} cells: this model copies all or none")
        self._cells[target] = self._cells[source][:length]
        self._tokens[target] = self._tokens[source][:length]
        self._adapters[target] = self._adapters[source]
        self._owners.update(self._cells[target])

    def truncate(self, sequence: int, length: int) -> bool:
        held = len(self._tokens[sequence])
        if length >= held:
            return True
        if length and not self._may_truncate(held, length):
            return False
        for cell in self._cells[sequence][length:]:
            self._owners[cell] -= 1
            if not self._owners[cell]:
                self._free.append(cell)
        del self._cells[sequence][length:]
        del self._tokens[sequence][length:]
        return True

    def _may_truncate(self, held: int, length: int) -> bool:
        if self._truncation is Truncation.WITHIN_WINDOW:
            return max(0, held - self._window) <= max(0, length - self._window)
        return self._truncation is Truncation.ANYWHERE
