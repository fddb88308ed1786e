"""Cells as bytes, and back: whole sequences, and parts of them where the model has parts."""

from velocity_local.worker.backends.llama_cpp import native, native_states
from velocity_local.worker.engine.backend import BackendError, State


class States:
    """Saves and restores sequences of one context.

    The library knows only whole sequences, and loading one replaces what is there. So a part
    goes through a `scratch` sequence, which nobody else uses and which is empty in between;
    None for models whose cells cannot be taken apart.
    """

    def __init__(self, context: int, memory: native.Memory, scratch: int | None) -> None:
        self._context = context
        self._memory = memory
        self._scratch = scratch

    def save(self, sequence: int, start: int, end: int) -> State:
        if start == 0 and end == self._memory.highest(sequence) + 1:
            return native_states.state(self._context, sequence)
        if self._scratch is None:
            raise BackendError("a part of a sequence: this model saves all or none")
        self._memory.copy(sequence, self._scratch, start, end)
        try:
            return native_states.state(self._context, self._scratch)
        finally:
            self._memory.remove(self._scratch, -1)

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        if self._memory.highest(sequence) + 1 != start:
            return False
        if self._scratch is None:
            return self._restore_whole(sequence, state, start, length)
        try:
            if not native_states.put_state(self._context, self._scratch, state):
                return False
            if not self._fits(self._scratch, start, length):
                return False
            self._memory.copy(self._scratch, sequence, start, length)
        finally:
            self._memory.remove(self._scratch, -1)
        return True

    def _restore_whole(self, sequence: int, state: State, start: int, length: int) -> bool:
        if start:
            return False
        is_put = native_states.put_state(self._context, sequence, state)
        if is_put and self._memory.highest(sequence) + 1 == length:
            return True
        self._memory.remove(sequence, -1)
        return False

    def _fits(self, sequence: int, start: int, length: int) -> bool:
        has_start = self._memory.lowest(sequence) <= start
        return has_start and self._memory.highest(sequence) + 1 >= length
