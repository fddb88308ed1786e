"""When the engine itself ends a sequence."""

from collections.abc import Callable

from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import EndReason


class Endings:
    """An end-of-generation token, a constraint that is complete, or no more room."""

    def __init__(self, is_end: Callable[[int], bool]) -> None:
        self._is_end = is_end

    def reason(self, sequence: LiveSequence) -> EndReason | None:
        n_tokens = len(sequence.tokens)
        if n_tokens > sequence.n_prompt and self._is_over(sequence):
            return "stop"
        return "length" if n_tokens >= sequence.end_length else None

    def _is_over(self, sequence: LiveSequence) -> bool:
        constraint = sequence.spec.constraint
        is_complete = constraint is not None and constraint.is_complete
        return is_complete or self._is_end(sequence.tokens[-1])
