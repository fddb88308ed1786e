import pytest

from velocity_tui.plots import ceiling, columns, meter, stretched


@pytest.mark.parametrize(
    ("share", "bar"),
    [(0.0, "    "), (1.0, "████"), (0.5, "██  "), (0.03125, "▏   "), (-1, "    "), (2, "████")],
)
def test_a_meter_is_filled_to_an_eighth_of_a_cell(share: float, bar: str) -> None:
    assert meter(share, 4) == bar


def test_columns_end_with_the_newest_value() -> None:
    assert columns([0, 5, 10], 3, 1, top=10) == [" ▄█"]
    assert columns([1, 2, 10], 2, 1, top=10) == ["▂█"]
    assert columns([10], 3, 2, top=10) == ["  █", "  █"]


def test_a_small_value_is_seen() -> None:
    assert columns([0.001], 1, 1, top=1000) == ["▁"]


def test_no_room_draws_nothing() -> None:
    assert columns([1.0], 0, 1, top=1) == [""]


@pytest.mark.parametrize(("highest", "top"), [(3, 10), (10, 10), (11, 20), (21, 50), (96, 100)])
def test_the_ceiling_is_a_round_number(highest: float, top: float) -> None:
    assert ceiling([highest], at_least=10) == top


def test_stretched_values_fill_their_part_of_the_width() -> None:
    assert stretched([1, 2], 2, 4) == [1, 1, 2, 2]
    assert stretched([1, 2], 4, 4) == [1, 2]
    assert stretched([1, 2, 3, 4], 4, 2) == [1, 3]
    assert stretched([], 4, 2) == []
