"""Forward passes: how large they may be, how long they took, and how one is stopped."""

from collections.abc import Callable, Iterable, Sequence

from velocity_local.core.clock import Clock
from velocity_local.worker.engine.backend import Backend, Forward, Span
from velocity_local.worker.engine.reach import Part
from velocity_local.worker.engine.scheduler import Demand, Outlook, StepLimits, least_rows, plan
from velocity_local.worker.engine.step_table import StepTable

STALL_TARGET_MS = 250.0
# With nobody to wait for it, a pass may take longer, but somebody new may come, and pings and
# cancels are seen between passes.
STEP_LIMIT_MS = 1000.0
# A pass that is shorter ends soon enough by itself.
INTERRUPT_ABOVE_MS = 100.0


class Passes:
    """Runs a backend's forward passes and learns from them how long passes take."""

    def __init__(
        self, backend: Backend, clock: Clock, *, stall_target_ms: float = STALL_TARGET_MS
    ) -> None:
        capabilities = backend.capabilities
        self._backend = backend
        self._clock = clock
        self._limits = StepLimits(
            n_batch=capabilities.n_batch,
            tile=capabilities.prefill_tile,
            stall_target_ms=stall_target_ms,
            step_limit_ms=max(stall_target_ms, STEP_LIMIT_MS),
            tile_reaches_all=capabilities.tile_reaches_all,
        )
        self._warm_rows = min(capabilities.prefill_tile, capabilities.n_batch, capabilities.n_ctx)
        self._table = StepTable(capabilities.prefill_tile)
        self._interruptible: frozenset[int] = frozenset()
        self._was_aborted = False
        self._is_warming = False

    def plan(self, demands: Sequence[Demand], n_cells: int) -> list[int]:
        """Tokens to compute for each sequence in the next pass, with so many cells in use.

        Few while the pace is not known.
        """
        if not self._table.is_empty:
            return plan(Outlook(demands, self._limits, self._table.expected_ms, n_cells))
        n_single = sum(demand.n_pending == 1 for demand in demands)
        few = self._limits._replace(n_batch=least_rows(n_single, self._limits))
        return plan(Outlook(demands, few, _unknown, n_cells))

    def expected_ms(self, prompts: Sequence[Demand]) -> float:
        """How long it may take to compute all of these; without limit if nothing is known."""
        parts = [Part(prompt.depth, prompt.n_pending) for prompt in prompts]
        reach = self._limits.reach(parts, self._backend.capabilities.n_cells)
        return self._table.expected_ms(sum(part.n_rows for part in parts), reach)

    def warm_up(self) -> None:
        """Touch all weights, then measure a tile, while nobody asks for anything."""
        self._is_warming = self._table.is_empty
        for n_rows in (1, self._warm_rows):
            if self._is_warming:
                self._try(n_rows)
        self._is_warming = False

    def stop_warming(self) -> None:
        """From any thread: somebody asks, and is to be served at once."""
        if self._is_warming:
            self._is_warming = False
            self._backend.request_abort()

    def _try(self, n_rows: int) -> None:
        """In a sequence that is empty again afterwards."""
        started_s = self._clock.monotonic_s()
        outcome = self._backend.forward([Span(0, 0, [0] * n_rows, wants_logits=True)])
        if outcome is Forward.DONE:
            self._table.observe(n_rows, n_rows / 2, (self._clock.monotonic_s() - started_s) * 1000)
        self._backend.clear(0)

    def run(self, spans: list[Span], n_cells: int, handles: Callable[[], Iterable[int]]) -> Forward:
        """Compute the spans, with so many cells in use.

        `handles` names the requests in them, should anybody need to know.

        Raises:
            BackendError: as the backend's `forward`.
        """
        n_rows = sum(len(span.tokens) for span in spans)
        if n_rows == len(spans) + sum(span.n_drafted for span in spans):
            return self._backend.forward(spans)
        parts = [Part(span.start, len(span.tokens)) for span in spans]
        reach = self._limits.reach(parts, n_cells)
        if not self._was_aborted and self._table.expected_ms(n_rows, reach) > INTERRUPT_ABOVE_MS:
            self._interruptible = frozenset(handles())
        started_s = self._clock.monotonic_s()
        try:
            outcome = self._backend.forward(spans)
        finally:
            self._interruptible = frozenset()
        self._was_aborted = outcome is Forward.ABORTED
        if outcome is Forward.DONE:
            self._table.observe(n_rows, reach, (self._clock.monotonic_s() - started_s) * 1000)
        return outcome

    def interrupt(self, handle: int | None) -> None:
        """From any thread: stop a long prefill pass, if that request is part of it.

        Of two in a row only one is stopped, so that the others in them get on.
        """
        handles = self._interruptible
        if handles and (handle is None or handle in handles):
            self._backend.request_abort()


def _unknown(_n_rows: int, _depth: float) -> float:
    return 0.0
