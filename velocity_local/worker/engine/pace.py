"""How large a step may be, learned from how long steps take on this machine."""

STALL_TARGET_MS = 250.0
STEP_LIMIT_MS = 2000.0


class Pace:
    """Turns the measured time of a tile of rows into rows per step.

    Beside decoding sequences a step aims at `stall_target_ms`, but has at least one tile. With
    no one to wait for it, a prefill step has `n_batch` rows: the same cuts every time, hence
    the same bits. It is halved only where a step would outlast `step_limit_ms`, so that a slow
    machine still answers pings and cancels between steps.
    """

    def __init__(
        self,
        *,
        n_batch: int,
        tile: int,
        stall_target_ms: float = STALL_TARGET_MS,
        step_limit_ms: float = STEP_LIMIT_MS,
    ) -> None:
        self._n_batch = n_batch
        self._tile = tile
        self._stall_target_ms = stall_target_ms
        self._step_limit_ms = step_limit_ms
        self._tile_ms: float | None = None
        self.alone_rows = n_batch
        self.mixed_rows = n_batch

    def observe(self, n_rows: int, step_ms: float) -> None:
        """Learn from a step; those of less than a tile say nothing about prefill.

        A faster step is believed at once, a slower one by half: another process may have been
        in the way.
        """
        if n_rows < self._tile:
            return
        tile_ms = step_ms * self._tile / n_rows
        if self._tile_ms is not None and self._tile_ms < tile_ms:
            tile_ms = (self._tile_ms + tile_ms) / 2
        self._tile_ms = tile_ms
        self.mixed_rows = self._rows_within(self._stall_target_ms)
        self.alone_rows = self._halved_to_fit()

    def expected_ms(self, n_rows: int) -> float:
        """How long so many rows may take; without limit before the first measurement."""
        return float("inf") if self._tile_ms is None else self._tile_ms * n_rows / self._tile

    def _rows_within(self, target_ms: float) -> int:
        """As many whole tiles as fit, but one at least."""
        rows = self._n_batch - self._n_batch % self._tile
        while rows > self._tile and self.expected_ms(rows) > target_ms:
            rows -= self._tile
        return max(rows, min(self._tile, self._n_batch))

    def _halved_to_fit(self) -> int:
        rows = self._n_batch
        while rows > self._tile and self.expected_ms(rows) > self._step_limit_ms:
            rows //= 2
        return rows
