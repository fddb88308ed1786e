import pytest

from velocity_local.worker.engine.reach import Part, own_reach, tile_reach

TILE = 64


def test_below_a_tile_each_row_reaches_the_cells_of_its_sequence() -> None:
    parts = [Part(99, 1), Part(200, 9)]
    assert tile_reach(parts, TILE, 10_000) == pytest.approx((99.5 + 9 * 204.5) / 10)


def test_the_rows_of_a_tile_reach_the_cells_of_all_sequences_in_it() -> None:
    parts = [*[Part(250, 1)] * 16, Part(200, 48)]
    assert tile_reach(parts, TILE, 10_000) == pytest.approx(16 * 250.5 + 224)


def test_other_tiles_reach_what_is_in_them() -> None:
    parts = [Part(1000, 1), Part(0, 127)]
    first, second = 1000.5 + 31.5, 63 + 32.0
    assert tile_reach(parts, TILE, 10_000) == pytest.approx((first + second) / 2)


def test_nothing_reaches_more_cells_than_there_are() -> None:
    parts = [Part(3000, 16)] * 4
    assert tile_reach(parts, TILE, 3100) == 3100 + 64


def test_a_pass_of_nothing_reaches_nothing() -> None:
    assert tile_reach([], TILE, 0) == own_reach([]) == 0.0


def test_elsewhere_rows_reach_their_own_cells_however_many_they_are() -> None:
    parts = [*[Part(250, 1)] * 16, Part(200, 48)]
    assert own_reach(parts) == pytest.approx((16 * 250.5 + 48 * 224) / 64)
