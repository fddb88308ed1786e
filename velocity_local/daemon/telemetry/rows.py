"""History rows with what their requests cost in energy."""

from typing import Protocol

from msgspec.structs import replace

from velocity_local.core.clock import Clock
from velocity_local.core.history import RequestRow
from velocity_local.daemon.telemetry.energy import EnergyMeter


class Recorder(Protocol):
    """The history, as the gateway sees it."""

    def begin(self, row: RequestRow) -> None: ...

    async def record(self, row: RequestRow) -> None: ...

    @property
    def degraded(self) -> str | None: ...


class RowsWithEnergy:
    """A recorder before the recorder; implements `gateway.ports.Recorder`."""

    def __init__(self, recorder: Recorder, meter: EnergyMeter, clock: Clock) -> None:
        self._recorder = recorder
        self._meter = meter
        self._clock = clock

    @property
    def degraded(self) -> str | None:
        return self._recorder.degraded

    def begin(self, row: RequestRow) -> None:
        self._recorder.begin(row)

    async def record(self, row: RequestRow) -> None:
        """A row is recorded when its request ends: from then back is when it ran, but for the time
        in which it waited for a model or a place.
        """
        if row.total_ms is not None and row.completion_tokens:
            ran_ms = row.total_ms - (row.load_ms or 0.0) - (row.queue_ms or 0.0)
            now_s = self._clock.monotonic_s()
            joules = self._meter.attributed(now_s - max(ran_ms, 0.0) / 1000, now_s)
            row = replace(row, energy_j=joules)
        await self._recorder.record(row)
