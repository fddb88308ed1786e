"""Energy between two looks at the power."""

import pytest

from velocity_local.lens.cost import Electricity
from velocity_local.lens.energy import look, spent
from velocity_local.wire.http.telemetry import PowerItem


def power(joules: float, idle_w: float | None = 10.0, model: str = "demo") -> PowerItem:
    return PowerItem(
        method="time share of power above idle",
        watts=50.0,
        by_source={"gpu0": 50.0},
        idle_w=idle_w,
        joules=joules,
        joules_by_model={model: joules},
    )


def test_what_was_spent_has_an_uncertainty() -> None:
    energy = spent(power(100.0), power(300.0, 10.5), model="demo", duration_s=4.0)
    assert energy is not None
    assert energy.joules == 200.0
    assert energy.uncertainty_joules == pytest.approx(0.05 * 200 + 0.5 * 4)
    assert (energy.idle_watts, energy.method) == (10.5, "time share of power above idle")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, power(1.0)),
        (power(1.0), None),
        (power(1.0, None), power(2.0)),
        (power(1.0), power(1.0)),
        (power(1.0, model="else"), power(2.0, model="else")),
    ],
)
def test_what_is_not_known_is_no_figure(before: PowerItem | None, after: PowerItem | None) -> None:
    assert spent(before, after, model="demo", duration_s=1.0) is None


def test_only_a_daemon_tells_power() -> None:
    assert look(None) is None


def test_a_kilowatt_hour_has_a_price() -> None:
    tariff = Electricity(per_kwh=0.30, currency="EUR", dated="2026-01-01")
    assert tariff.cost(3_600_000) == pytest.approx(0.30)
