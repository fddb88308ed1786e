"""Energy: what is above idle is shared among those who run, and nothing is invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.daemon.telemetry.energy import EnergyMeter


def of(watts: float) -> dict[str, float]:
    return {"package-0": watts}


def with_idle(watts: float = 10.0) -> EnergyMeter:
    meter = EnergyMeter()
    meter.observe(-1.0, of(watts), {})  # sources are known from the second look on
    meter.observe(0.0, of(watts), {})
    meter.observe(1.0, of(watts), {})
    return meter


def test_idle_is_subtracted_and_the_rest_is_shared_by_who_runs() -> None:
    meter = with_idle(10.0)
    meter.observe(2.0, of(40.0), {"a": 1, "b": 2})
    assert meter.joules == pytest.approx(30.0)
    assert meter.joules_by_model == pytest.approx({"a": 10.0, "b": 20.0})


def test_a_request_pays_for_the_time_in_which_it_ran() -> None:
    meter = with_idle(10.0)
    meter.observe(2.0, of(40.0), {"a": 1})
    meter.observe(3.0, of(40.0), {"a": 2})
    assert meter.attributed(1.0, 3.0) == pytest.approx(30.0 + 15.0)
    assert meter.attributed(1.5, 2.5) == pytest.approx(15.0 + 7.5)


def test_before_any_idle_moment_nothing_is_attributed() -> None:
    meter = EnergyMeter()
    meter.observe(0.0, of(40.0), {"a": 1})
    meter.observe(1.0, of(40.0), {"a": 1})
    assert (meter.joules, meter.attributed(0.0, 1.0)) == (0.0, None)


def test_idle_falls_at_once_and_rises_slowly() -> None:
    meter = with_idle(10.0)
    meter.observe(2.0, of(5.0), {})
    assert meter.idle_w == pytest.approx(5.0)
    meter.observe(3.0, of(65.0), {})
    assert meter.idle_w == pytest.approx(5.1)


def test_a_source_that_comes_or_goes_makes_idle_unknown_until_it_is_seen_again() -> None:
    meter = with_idle(10.0)
    meter.observe(2.0, {"package-0": 10.0, "gpu 0": 50.0}, {"a": 1})
    assert (meter.idle_w, meter.joules) == (None, 0.0)
    meter.observe(3.0, {"package-0": 10.0, "gpu 0": 50.0}, {})
    meter.observe(4.0, {"package-0": 15.0, "gpu 0": 75.0}, {"a": 1})
    assert meter.idle_w == pytest.approx(60.0)
    assert meter.joules == pytest.approx(30.0)


def test_requests_in_turn_pay_together_what_was_measured() -> None:
    """Two run one after the other, a third beside both: nothing is paid twice or by nobody."""
    meter = with_idle(10.0)
    for now_s, running in ((2.0, 2), (3.0, 2), (4.0, 2), (5.0, 2)):
        meter.observe(now_s, of(50.0), {"a": running})
    shares = [meter.attributed(*ran) for ran in ((1.0, 3.0), (3.0, 5.0), (1.0, 5.0))]
    assert sum(share or 0.0 for share in shares) == pytest.approx(meter.joules)


def test_a_gap_is_no_measurement() -> None:
    meter = with_idle(10.0)
    meter.observe(1000.0, of(40.0), {"a": 1})
    assert meter.joules == 0.0


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 5.0),
            st.floats(0, 500),
            st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)),
        ),
        max_size=30,
    )
)
def test_nothing_is_lost_or_made_in_sharing(
    looks: list[tuple[float, float, dict[str, int]]],
) -> None:
    meter = with_idle()
    now_s = 1.0
    for elapsed_s, watts, running in looks:
        now_s += elapsed_s
        meter.observe(now_s, of(watts), running)
    assert sum(meter.joules_by_model.values()) == pytest.approx(meter.joules)
    assert meter.joules >= 0
