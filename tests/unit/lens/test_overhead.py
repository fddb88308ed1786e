"""What measuring costs, and when a run is void for it."""

import pytest

from velocity_local.lens.cache_axis import contradiction
from velocity_local.lens.overhead import OverheadMeter, Shortest, bottleneck
from velocity_local.lens.results import CacheState, ClientOverhead
from velocity_local.lens.selector import MeteredSelector


def overhead(p50: float = 0.0, p99: float = 0.0, cpu: float = 0.1) -> ClientOverhead:
    return ClientOverhead(delay_p50_ms=p50, delay_p99_ms=p99, cpu_share=cpu)


@pytest.mark.parametrize(
    ("cost", "shortest", "word"),
    [
        (overhead(), Shortest(10, 20), None),
        (overhead(0.9, 0.9), Shortest(1, 1), None),
        (overhead(1.5, 1.5), Shortest(100, 100), None),
        (overhead(1.5, 1.5), Shortest(10, 100), "median"),
        (overhead(0.1, 3.0), Shortest(10, 20), "99th"),
        (overhead(0.1, 3.0), Shortest(10, 100), None),
        (overhead(cpu=0.95), Shortest(), "of a core"),
        (overhead(500, 500), Shortest(), None),
    ],
)
def test_a_client_that_delays_is_the_bottleneck(
    cost: ClientOverhead, shortest: Shortest, word: str | None
) -> None:
    reason = bottleneck(cost, shortest)
    assert (reason is None) == (word is None)
    assert word is None or word in (reason or "")


def test_bytes_have_the_time_at_which_the_loop_woke() -> None:
    selector = MeteredSelector()
    meter = OverheadMeter(selector)
    selector.woke_s, selector.delay_s = 5.0, 0.002
    assert [meter.stamp() for _ in range(3)] == [5.0] * 3
    assert meter.overhead().delay_p50_ms == pytest.approx(2.0, rel=0.01)
    meter.begin()
    assert meter.overhead().delay_p99_ms == 0.0


def test_what_is_ready_at_once_may_have_waited_since_the_loop_last_looked() -> None:
    selector = MeteredSelector()
    selector.woke_s -= 1.0
    selector.select(0)
    assert selector.delay_s > 0.9
    selector.select(0.001)
    assert selector.delay_s == 0.0
    selector.close()


@pytest.mark.parametrize(
    ("state", "cached", "word"),
    [
        (CacheState.COLD, 10, None),
        (CacheState.COLD, 80, "not cold"),
        (CacheState.WARM, 80, None),
        (CacheState.WARM, 10, "not warm"),
        (CacheState.RESTORED, 10, "not restored"),
        (CacheState.PREFIX_SHARED, 40, None),
        (CacheState.PREFIX_SHARED, 0, "no prefix"),
        (CacheState.UNCONTROLLED, 80, None),
    ],
)
def test_a_server_may_contradict_the_caches_state(
    state: CacheState, cached: int, word: str | None
) -> None:
    reason = contradiction(state, 100, cached)
    assert (reason is None) == (word is None)
    assert word is None or word in (reason or "")


def test_a_server_that_tells_nothing_contradicts_nothing() -> None:
    assert contradiction(CacheState.WARM, 0, 0) is None
