"""A KV cache that holds tokens: every cell is there, with its owners counted one by one."""

from collections import Counter

import msgspec

from velocity_local.worker.engine.backend import BackendError, State, Truncation

# First cell, adapter, tokens
_SAVED = msgspec.msgpack.Decoder(tuple[int, str, list[int]])


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
        shares: bool = True,
    ) -> None:
        self._free = list(range(n_cells))
        self._owners: Counter[int] = Counter()
        self._cells: list[list[int]] = [[] for _ in range(n_seq_max)]
        self._tokens: list[list[int]] = [[] for _ in range(n_seq_max)]
        self._adapters = [""] * n_seq_max
        self._truncation = truncation
        self._can_copy_part = can_copy_part
        self._window = window
        self._shares = shares

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
        if not self._shares:
            self.append(target, self._tokens[source][:length], self._adapters[source])
            return
        self._cells[target] = self._cells[source][:length]
        self._tokens[target] = self._tokens[source][:length]
        self._adapters[target] = self._adapters[source]
        self._owners.update(self._cells[target])

    def truncate(self, sequence: int, length: int) -> bool:
        held = len(self._tokens[sequence])
        if length >= held:
            return True
        if not self.can_truncate(sequence, length):
            return False
        self.step_back(sequence, length)
        return True

    def step_back(self, sequence: int, length: int) -> None:
        """Let go of the cells from `length` on."""
        for cell in self._cells[sequence][length:]:
            self._owners[cell] -= 1
            if not self._owners[cell]:
                self._free.append(cell)
        del self._cells[sequence][length:]
        del self._tokens[sequence][length:]

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        tokens = self._tokens[sequence][start:end]
        if len(tokens) < len(self._tokens[sequence]) and not self._can_copy_part:
            raise BackendError("a part of a sequence: this model saves all or none")
        saved = (start, self._adapters[sequence], tokens)
        return memoryview(bytearray(msgspec.msgpack.encode(saved)))

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        try:
            saved_at, adapter, tokens = _SAVED.decode(state)
        except msgspec.DecodeError:
            return False
        end = saved_at + len(tokens)
        fits = saved_at <= start == len(self._tokens[sequence]) and length <= end
        if not fits or len(tokens) > len(self._free):
            return False
        if length < end and not self._can_copy_part:
            return False
        self.append(sequence, tokens[start - saved_at : length - saved_at], adapter)
        return True

    def can_truncate(self, sequence: int, length: int) -> bool:
        held = len(self._tokens[sequence])
        if length in (0, held):
            return True
        if self._truncation is Truncation.WITHIN_WINDOW:
            return max(0, held - self._window) <= max(0, length - self._window)
        return self._truncation is Truncation.ANYWHERE
