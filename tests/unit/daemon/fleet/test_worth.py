"""Who goes first: properties of a model's worth, and of plans for any set of models."""

from hypothesis import given
from hypothesis import strategies as st

from velocity_local.daemon.fleet.planner import Evict, Refuse, Resident, Start, Yield, plan_load
from velocity_local.daemon.fleet.worth import HALF_LIFE_S, Keep, cost_s, reason, worth

KEEPS = st.builds(
    Keep,
    size_bytes=st.integers(2**20, 2**36),
    idle_s=st.floats(0, 1e5),
    load_s=st.none() | st.floats(0.1, 600),
    used_cells=st.integers(0, 10**6),
    step_s=st.floats(0, 1),
)
RESIDENTS = st.lists(
    st.builds(
        Resident,
        model=st.uuids().map(str),
        size_bytes=st.integers(1, 100),
        worth=st.floats(0, 100),
        is_busy=st.booleans(),
        is_loading=st.booleans(),
        is_leaving=st.booleans(),
        is_pinned=st.booleans(),
    ),
    max_size=6,
)


@given(KEEPS, st.floats(1, 1e4))
def test_the_longer_unused_the_less_worth(keep: Keep, more_s: float) -> None:
    assert worth(keep._replace(idle_s=keep.idle_s + more_s)) <= worth(keep)
    halved = worth(keep._replace(idle_s=keep.idle_s + HALF_LIFE_S))
    assert abs(halved - worth(keep) / 2) <= 1e-9 * worth(keep)


@given(KEEPS, st.floats(0.1, 100), st.integers(1, 10**6))
def test_what_costs_more_to_have_back_is_worth_more(
    keep: Keep, more_s: float, more_cells: int
) -> None:
    known = keep._replace(load_s=keep.load_s or 1.0, step_s=keep.step_s + 0.001)
    assert worth(known._replace(load_s=(known.load_s or 0) + more_s)) >= worth(known)
    assert worth(known._replace(used_cells=known.used_cells + more_cells)) >= worth(known)


@given(KEEPS)
def test_of_two_that_cost_the_same_the_larger_goes(keep: Keep) -> None:
    known = keep._replace(load_s=keep.load_s or 1.0)
    assert worth(known._replace(size_bytes=2 * known.size_bytes)) <= worth(known)
    assert cost_s(known._replace(size_bytes=2 * known.size_bytes)) == cost_s(known)


def test_the_reason_has_its_numbers() -> None:
    told = reason(Keep(512 * 2**20, 90.0, 2.5, used_cells=800, step_s=0.02))
    assert told == (
        "512 MiB, unused for 90 s, about 4.5 s to have it back, 800 tokens in its cache"
    )


@given(RESIDENTS, st.integers(1, 300), st.integers(0, 300), st.integers(1, 4))
def test_plans_hold_what_they_promise(
    residents: list[Resident], needed: int, available: int, places: int
) -> None:
    plan = plan_load(needed, residents, max_loaded=places, available_bytes=available)
    by_name = {resident.model: resident for resident in residents}
    promised = sum(r.size_bytes for r in residents if r.is_loading)
    match plan:
        case Start():
            assert available - promised >= needed
            assert len(residents) < places
        case Evict(models):
            assert not any(by_name[model].is_busy for model in models)
            assert_may_go(by_name, models)
        case Yield(models):
            assert_may_go(by_name, models)
        case Refuse():
            freed = sum(r.size_bytes for r in residents if not r.is_pinned or r.is_leaving)
            too_few_places = sum(r.is_pinned for r in residents) >= places
            assert available - promised + freed < needed or too_few_places
        case _:
            pass


def assert_may_go(by_name: dict[str, Resident], models: tuple[str, ...]) -> None:
    for model in models:
        resident = by_name[model]
        assert not any((resident.is_pinned, resident.is_loading, resident.is_leaving))


@given(RESIDENTS, st.integers(1, 100), st.integers(0, 100))
def test_nobody_goes_whose_room_is_not_needed(
    residents: list[Resident], needed: int, available: int
) -> None:
    idle = [replace_idle(resident) for resident in residents]
    plan = plan_load(needed, idle, max_loaded=99, available_bytes=available)
    if isinstance(plan, Evict):
        sizes = {resident.model: resident.size_bytes for resident in idle}
        freed = sum(sizes[model] for model in plan.models)
        assert available + freed >= needed
        assert all(available + freed - sizes[model] < needed for model in plan.models)


def replace_idle(resident: Resident) -> Resident:
    return Resident(resident.model, resident.size_bytes, resident.worth)


def test_a_pinned_model_stands_in_the_way_and_is_named() -> None:
    pinned = Resident("a", 50, 1.0, is_pinned=True)
    assert plan_load(60, [pinned], max_loaded=9, available_bytes=20) == Refuse(60, 20, ("a",))
