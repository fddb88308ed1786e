"""A large file over several connections: whole, broken off, begun again, and never mixed up."""

import threading

import pytest

from tests.unit.daemon.catalog.downloads.conftest import DATA, Stop, Yard
from velocity_local.core.errors import HubError
from velocity_local.daemon.catalog.downloads import ranges as ranges_module
from velocity_local.daemon.catalog.downloads.ranges import MAX_RANGES, Ranges, step_for
from velocity_local.daemon.catalog.downloads.stopping import Stopped

STEP = 64 * 1024
N_RANGES = len(DATA) // STEP


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges_module, "LEAST_STEP_BYTES", STEP)


def asked(yard: Yard) -> list[tuple[int, int | None]]:
    pairs = [(request.first_byte, request.end_byte) for request in yard.hub.storage]
    return sorted(pairs, key=lambda pair: pair[0])


def test_each_range_is_asked_for_once_and_the_last_one_to_the_end(yard: Yard) -> None:
    yard.pull()
    assert yard.target.read_bytes() == DATA
    starts = range(0, len(DATA), STEP)
    ends = [start + STEP for start in starts[:-1]]
    assert asked(yard) == list(zip(starts, [*ends, None], strict=True))
    assert yard.hub.sent_bytes == len(DATA)


def test_four_connections_are_open_at_once(yard: Yard) -> None:
    yard.hub.faults.hold_after = 16 * 1024
    stop = Stop()
    thread = threading.Thread(target=yard.pull, args=(stop,))
    thread.start()
    assert yard.hub.held.wait(10)
    while len(yard.hub.storage) < 4:
        assert thread.is_alive()
    yard.hub.released.set()
    thread.join()
    assert yard.target.read_bytes() == DATA


@pytest.mark.parametrize("connections", [1, 2, 4, 16])
def test_connections_that_all_break_off_go_on_where_they_were(yard: Yard, connections: int) -> None:
    yard.connections = connections
    yard.hub.faults.cut_after = lambda number: 20_000 if number < 2 * N_RANGES else None
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.hub.sent_bytes == len(DATA)


def test_what_an_earlier_process_left_in_several_ranges_is_continued(yard: Yard) -> None:
    yard.hub.faults.cut_after = lambda number: 20_000
    with pytest.raises((Stopped, HubError)):
        yard.pull(Stop(at_wait=1))
    sent, here = yard.hub.sent_bytes, yard.here_bytes
    assert sent >= here > 0
    yard.hub.faults.cut_after = lambda number: None
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.hub.sent_bytes == sent + len(DATA) - here


def test_a_hub_without_ranges_is_asked_for_all_of_it(yard: Yard) -> None:
    yard.hub.faults.ignores_range = True
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert (0, None) in asked(yard)


def test_a_change_on_the_way_begins_again_and_mixes_nothing(yard: Yard) -> None:
    yard.hub.faults.cut_after = lambda number: 20_000
    with pytest.raises((Stopped, HubError)):
        yard.pull(Stop(at_wait=1))
    yard.hub.faults.cut_after = lambda number: None
    yard.hub.etag = '"second"'
    yard.pull()
    assert yard.target.read_bytes() == DATA


def test_a_hub_that_changes_all_the_time_is_given_up(yard: Yard) -> None:
    numbers = iter(range(10**6))
    yard.hub.faults.changing_etag = lambda: f'"{next(numbers)}"'
    with pytest.raises(HubError, match="begun again 3 times"):
        yard.pull()
    assert not yard.target.exists()


def test_wrong_bytes_in_one_range_are_not_kept(yard: Yard) -> None:
    yard.hub.faults.corrupt = True
    with pytest.raises(HubError, match="SHA-256"):
        yard.pull()
    assert not yard.target.exists()
    assert yard.here_bytes == 0


@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 1), (STEP, 1), (STEP + 1, 2), (STEP * MAX_RANGES, 64), (STEP * 1000 + 1, 64)],
)
def test_ranges_cover_the_file_once(size: int, count: int) -> None:
    ranges = Ranges(size, step_for(size))
    assert len(ranges) == count
    assert ranges.start(0) == 0
    assert ranges.end(count - 1) == size
    assert all(ranges.end(n) == ranges.start(n + 1) for n in range(count - 1))


def test_ranges_are_held_by_one_and_filled_from_the_front() -> None:
    ranges = Ranges(10, 4)
    assert [ranges.claim() for _ in range(4)] == [0, 1, 2, None]
    ranges.advance(1, 4)
    assert ranges.frontier() == 0
    ranges.advance(0, 3)
    ranges.release(0)
    assert (ranges.frontier(), ranges.claim(), ranges.done_bytes) == (3, 0, 7)
    ranges.advance(0, 1)
    assert ranges.wait_beyond(3, 0.0) == 8
