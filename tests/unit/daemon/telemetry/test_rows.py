"""Rows get the energy of the time in which their requests ran."""

import pytest
from msgspec.structs import replace

from velocity_local.core.clock import ManualClock
from velocity_local.core.history import RequestRow
from velocity_local.daemon.telemetry.energy import EnergyMeter
from velocity_local.daemon.telemetry.rows import RowsWithEnergy

ROW = RequestRow("r1", 0.0, "openai", "/v1", "m", "f", "ok", 200, stream=True)


class Rows:
    degraded = None

    def __init__(self) -> None:
        self.kept: list[RequestRow] = []

    def begin(self, row: RequestRow) -> None:
        self.kept.append(row)

    async def record(self, row: RequestRow) -> None:
        self.kept.append(row)


def metered() -> EnergyMeter:
    """Idle is 10 W; from 1 s to 3 s one request made it 40 W."""
    meter = EnergyMeter()
    for now_s, watts, running in (
        (-1, 10, {}),
        (0, 10, {}),
        (1, 10, {}),
        (2, 40, {"m": 1}),
        (3, 40, {"m": 1}),
    ):
        meter.observe(float(now_s), {"package-0": float(watts)}, running)
    return meter


async def test_a_finished_row_has_its_share() -> None:
    rows, clock = Rows(), ManualClock(monotonic_s=3.0)
    await RowsWithEnergy(rows, metered(), clock).record(
        replace(ROW, total_ms=1500.0, completion_tokens=9)
    )
    assert rows.kept[0].energy_j == pytest.approx(45.0)


async def test_what_was_seen_stands_for_the_rest() -> None:
    rows, clock = Rows(), ManualClock(monotonic_s=3.5)
    await RowsWithEnergy(rows, metered(), clock).record(
        replace(ROW, total_ms=1000.0, completion_tokens=9)
    )
    assert rows.kept[0].energy_j == pytest.approx(30.0)


async def test_waiting_for_a_model_or_a_place_costs_nothing() -> None:
    """It ran from 2 s to 3 s; what others used before is theirs."""
    rows, clock = Rows(), ManualClock(monotonic_s=3.0)
    waited = replace(ROW, total_ms=2000.0, load_ms=600.0, queue_ms=400.0, completion_tokens=9)
    await RowsWithEnergy(rows, metered(), clock).record(waited)
    assert rows.kept[0].energy_j == pytest.approx(30.0)


async def test_without_power_or_an_answer_there_is_none() -> None:
    rows, clock = Rows(), ManualClock(monotonic_s=3.0)
    await RowsWithEnergy(rows, EnergyMeter(), clock).record(
        replace(ROW, total_ms=1500.0, completion_tokens=9)
    )
    await RowsWithEnergy(rows, metered(), clock).record(replace(ROW, total_ms=1500.0))
    RowsWithEnergy(rows, metered(), clock).begin(ROW)
    assert [row.energy_j for row in rows.kept] == [None, None, None]
