"""Whose turn it is: a forward pass computes with one adapter, so adapters take turns. Pure.

A pass that prefills may take as long as running streams can bear. So after each of these every
adapter that decodes has a pass for its decoding alone, before any other prefills:

    prompt of A, decode B, decode C, prompt of B (and its decoding), decode A, decode C, ...

Prompts of the first class go before others. With no prompts, or no decoding, the adapter whose turn
is longest ago is next. A change of adapter costs milliseconds, as much as a step or more, so one
that decodes goes on for a while: short enough that nobody notices the pause of the others, and
shorter the more they are.
"""

from collections.abc import Iterable, Sequence

from velocity_local.worker.engine.live import LiveSequence

TURN_MS = 50.0
# Longest pause of a stream while all others have their turns
ROUND_MS = 200.0


class Turns:
    """Remembers which adapter had which turn. The adapter of the model alone is ""."""

    def __init__(self) -> None:
        self._turn = 0
        self._decoded: dict[str, int] = {}
        self._prefilled: dict[str, int] = {}
        self._last_prefill = 0
        self._holder = ""
        self._held_since_ms = 0.0

    def next_of(self, ready: Sequence[LiveSequence], now_ms: float) -> list[LiveSequence]:
        """Those of `ready` that the next pass is for, in their order: all have one adapter."""
        if len({sequence.spec.adapter for sequence in ready}) < 2:
            return list(ready)
        decoding = {s.spec.adapter for s in ready if s.n_pending == 1}
        prompts = [s for s in ready if s.n_pending > 1]
        first_rank = min((s.rank for s in prompts), default=0)
        prefilling = {s.spec.adapter for s in prompts if s.rank == first_rank}
        overdue = {key for key in decoding if self._decoded.get(key, 0) < self._last_prefill}
        if overdue:
            adapter = _longest_ago(overdue, self._decoded)
            return [s for s in ready if s.spec.adapter == adapter and s.n_pending == 1]
        if prefilling:
            adapter = _longest_ago(prefilling, self._prefilled)
        elif self._goes_on(decoding, now_ms):
            adapter = self._holder
        else:
            adapter = _longest_ago(decoding, self._decoded)
        return [s for s in ready if s.spec.adapter == adapter]

    def had(self, batch: Sequence[tuple[LiveSequence, int]], now_ms: float) -> None:
        """A pass begins, of so many tokens for each of these."""
        self._turn += 1
        adapter = batch[0][0].spec.adapter
        if adapter != self._holder:
            self._holder, self._held_since_ms = adapter, now_ms
        counts = [n_tokens for _, n_tokens in batch]
        if 1 in counts:
            self._decoded[adapter] = self._turn
        if max(counts) > 1:
            self._prefilled[adapter] = self._last_prefill = self._turn

    def _goes_on(self, decoding: set[str], now_ms: float) -> bool:
        turn_ms = min(TURN_MS, ROUND_MS / max(len(decoding) - 1, 1))
        return self._holder in decoding and now_ms - self._held_since_ms < turn_ms


def _longest_ago(adapters: Iterable[str], turns: dict[str, int]) -> str:
    return min(sorted(adapters), key=lambda adapter: turns.get(adapter, 0))
