from velocity_local.core.clock import ManualClock
from velocity_local.core.ids import IdSource


def test_ids_grow_although_the_wall_clock_steps_back() -> None:
    clock = ManualClock(wall_s=2_000_000_000.0)
    source = IdSource(clock)
    first = source.new()
    clock.advance(-86_400.0)
    assert source.new() > first


def test_ids_sort_by_their_time() -> None:
    early, late = (IdSource(ManualClock(wall_s=s)).new() for s in (1e9, 1e9 + 1))
    assert early < late


def test_a_prefix_is_kept_and_the_rest_has_a_fixed_length() -> None:
    fresh = IdSource().new("chatcmpl-")
    assert fresh.startswith("chatcmpl-")
    assert len(fresh) == len("chatcmpl-") + 26


def test_a_million_ids_a_second_are_distinct() -> None:
    source = IdSource(ManualClock())
    assert len({source.new() for _ in range(10_000)}) == 10_000
