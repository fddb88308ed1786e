"""A load dealt to several clients is the same load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.lens.arrivals import arrivals
from velocity_local.lens.distributed.shares import Share, check_divisible, part_of
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.loads import Burst, Concurrency, Iterations, Poisson
from velocity_local.lens.results import CacheState
from velocity_local.lens.scenarios import Quota, Scenario


def shares(n: int) -> list[Share]:
    return [Share(index, n) for index in range(n)]


@given(number=st.integers(0, 10_000), n=st.integers(1, 64))
def test_the_parts_of_a_number_add_up_and_differ_by_one_at_most(number: int, n: int) -> None:
    parts = [share.of_number(number) for share in shares(n)]
    assert sum(parts) == number
    assert max(parts) - min(parts) <= 1


def test_streams_requests_and_limits_are_divided() -> None:
    quota = Quota(requests_per_min=600)
    whole = Scenario(load=Concurrency(streams=7, requests=100), warmup_requests=5, quota=quota)
    parts = [part_of(whole, share) for share in shares(3)]
    loads = [part.load for part in parts if isinstance(part.load, Concurrency)]
    assert sum(load.streams for load in loads) == 7
    assert sum(load.requests or 0 for load in loads) == 100
    assert sum(part.warmup_requests for part in parts) == 5
    assert {part.quota.requests_per_min for part in parts} == {200}
    assert {part.keep_records for part in parts} == {0}


def test_a_load_without_an_end_of_its_own_has_its_usual_number_in_all() -> None:
    whole = Scenario(load=Concurrency(streams=8))
    assert sum(part_of(whole, share).load.requests or 0 for share in shares(4)) == 20
    endless = Scenario(load=Concurrency(streams=8, duration_s=5))
    assert {part_of(endless, share).load.requests for share in shares(4)} == {None}


@pytest.mark.parametrize("load", [Poisson(rate_per_s=9, requests=50), Burst(size=5, every_s=1)])
def test_clients_take_the_arrivals_of_one_schedule(load: Poisson | Burst) -> None:
    whole = list(arrivals(load, seed=3))
    dealt = [list(share.dealt(arrivals(load, seed=3))) for share in shares(4)]
    assert sorted(start for one in dealt for start in one) == whole
    rooms = [part_of(Scenario(load=load), share).load for share in shares(4)]
    assert sum(room.max_in_flight for room in rooms if isinstance(room, Poisson | Burst)) == 512


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (Scenario(load=Iterations()), "one request after another"),
        (Scenario(load=Concurrency(streams=3)), "need a stream each"),
        (Scenario(load=Concurrency(streams=9, requests=3)), "need one each"),
        (Scenario(load=Poisson(rate_per_s=1, requests=2)), "need one each"),
        (Scenario(load=Concurrency(streams=9), cache=CacheState.RESTORED), "for one client"),
    ],
)
def test_what_cannot_be_dealt_is_refused(scenario: Scenario, message: str) -> None:
    with pytest.raises(BadScenario, match=message):
        check_divisible(scenario, 4)
