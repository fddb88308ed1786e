"""Forward passes: how large they may be, how long they took, and how one is stopped."""

from collections.abc import Callable, Iterable

from velocity_local.core.clock import Clock
from velocity_local.worker.engine.backend import Backend, Forward, Span
from velocity_local.worker.engine.pace import Pace
from velocity_local.worker.engine.scheduler import StepLimits

# A pass that is shorter ends soon enough by itself.
INTERRUPT_ABOVE_MS = 100.0


class Passes:
    """Runs a backend's forward passes and learns its pace from them."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        capabilities = backend.capabilities
        self._backend = backend
        self._clock = clock
        self._n_batch = capabilities.n_batch
        self._tile = capabilities.prefill_tile
        self._warm_rows = min(capabilities.prefill_tile, capabilities.n_batch, capabilities.n_ctx)
        self._pace = Pace(n_batch=self._n_batch, tile=self._tile)
        self._interruptible: frozenset[int] = frozenset()
        self._was_aborted = False

    def limits(self) -> StepLimits:
        return StepLimits(self._n_batch, self._tile, self._pace.alone_rows, self._pace.mixed_rows)

    def expected_ms(self, n_rows: int) -> float:
        """How long so many rows may take, in one pass or several."""
        return self._pace.expected_ms(n_rows)

    def warm_up(self) -> None:
        """Touch all weights, then measure a tile, in a sequence that is empty again afterwards."""
        for n_rows in (1, self._warm_rows):
            started_s = self._clock.monotonic_s()
            self._backend.forward([Span(0, 0, [0] * n_rows, wants_logits=True)])
            self._pace.observe(n_rows, (self._clock.monotonic_s() - started_s) * 1000)
            self._backend.clear(0)

    def run(self, spans: list[Span], handles: Callable[[], Iterable[int]]) -> Forward:
        """Compute the spans. `handles` names the requests in them, should anybody need to know.

        Raises:
            BackendError: as the backend's `forward`.
        """
        n_rows = sum(len(span.tokens) for span in spans)
        if n_rows == len(spans):
            return self._backend.forward(spans)
        if not self._was_aborted and self._pace.expected_ms(n_rows) > INTERRUPT_ABOVE_MS:
            self._interruptible = frozenset(handles())
        started_s = self._clock.monotonic_s()
        try:
            outcome = self._backend.forward(spans)
        finally:
            self._interruptible = frozenset()
        self._was_aborted = outcome is Forward.ABORTED
        if outcome is Forward.DONE:
            self._pace.observe(n_rows, (self._clock.monotonic_s() - started_s) * 1000)
        return outcome

    def interrupt(self, handle: int | None) -> None:
        """From any thread: stop a long prefill pass, if that request is part of it.

        Of two in a row only one is stopped, so that the others in them get on.
        """
        handles = self._interruptible
        if handles and (handle is None or handle in handles):
            self._backend.request_abort()
