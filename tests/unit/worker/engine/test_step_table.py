import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocity_local.worker.engine.step_table import StepTable


def _true_ms(n_rows: int, depth: float) -> float:
    """About what 2 cores take for a model of 0.3 billion parameters."""
    return -(-n_rows // 64) * (92 + 0.046 * depth)


def _filled(up_to: int, *, n_rows: int = 64) -> StepTable:
    table = StepTable(64)
    for depth in range(0, up_to, n_rows):
        table.observe(n_rows, depth, _true_ms(n_rows, depth))
    return table


def test_before_anything_is_known_no_time_is_promised() -> None:
    table = StepTable(64)
    assert table.is_empty
    assert table.expected_ms(64, 0) == float("inf")


def test_a_pass_of_another_size_is_expected_in_proportion_by_whole_tiles() -> None:
    table = StepTable(64)
    table.observe(64, 32, 90.0)
    assert [table.expected_ms(n, 32) for n in (17, 64, 65, 512)] == [90, 90, 180, 720]


def test_the_nearest_size_that_was_measured_decides() -> None:
    """On a GPU eight tiles take hardly longer than one."""
    table = StepTable(64)
    table.observe(64, 32, 10.0)
    table.observe(512, 256, 16.0)
    assert table.expected_ms(64, 32) == 10.0
    assert table.expected_ms(448, 256) == pytest.approx(14.0)


@pytest.mark.parametrize("n_rows", [1, 7, 17, 63])
def test_passes_of_other_sizes_teach_nothing(n_rows: int) -> None:
    table = StepTable(64)
    table.observe(n_rows, 0, 5000.0)
    assert table.is_empty
    table.observe(64, 32, 90.0)
    table.observe(n_rows, 0, 5000.0)
    assert [table.expected_ms(n, 32) for n in (16, 64)] == [45.0, 90.0]


def test_a_quarter_of_a_tile_is_known_once_it_was_measured() -> None:
    table = _filled(8000)
    assert table.expected_ms(16, 7900) == pytest.approx(_true_ms(64, 7900) / 2, rel=0.05)
    table.observe(16, 7900, 280.0)
    assert table.expected_ms(16, 7900) == 280.0
    assert table.expected_ms(17, 7900) == pytest.approx(_true_ms(64, 7900), rel=0.05)


@pytest.mark.parametrize("depth", [100, 400, 1500, 3000, 5900])
def test_between_depths_that_were_measured_it_interpolates(depth: int) -> None:
    expected = _filled(6000).expected_ms(64, depth)
    assert expected == pytest.approx(_true_ms(64, depth), rel=0.05)


def test_beyond_what_was_measured_it_goes_on_along_the_line() -> None:
    assert _filled(3000).expected_ms(64, 6000) == pytest.approx(_true_ms(64, 6000), rel=0.1)


def test_of_a_depth_that_is_far_from_all_it_thinks_rather_too_much() -> None:
    table = StepTable(64)
    table.observe(64, 32, 92.0)
    assert _true_ms(64, 6000) <= table.expected_ms(64, 6000) <= 1.5 * _true_ms(64, 6000)


def test_two_passes_that_something_got_in_the_way_of_change_nothing() -> None:
    table = _filled(1000)
    before = table.expected_ms(64, 900)
    for _ in range(2):
        table.observe(64, 900, 5000.0)
    assert table.expected_ms(64, 900) == pytest.approx(before, rel=0.05)


def test_a_first_measurement_that_was_disturbed_is_put_right_by_the_next() -> None:
    table = StepTable(64)
    table.observe(64, 32, 5000.0)
    table.observe(64, 40, 92.0)
    assert table.expected_ms(64, 40) == 92.0


def test_a_machine_that_has_become_slower_is_believed_after_three_passes() -> None:
    table = _filled(256)
    for _ in range(3):
        table.observe(64, 200, 3 * _true_ms(64, 200))
    assert table.expected_ms(64, 200) == pytest.approx(3 * _true_ms(64, 200))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.floats(0.9, 1.1)), min_size=1, max_size=20),
    st.integers(0, 20_000),
    st.integers(17, 2048),
)
def test_any_noisy_history_gives_a_time_within_what_was_seen(
    passes: list[tuple[int, float]], depth: int, n_rows: int
) -> None:
    table = StepTable(64)
    seen = []
    for at, factor in passes:
        seen.append(_true_ms(64, at) * factor)
        table.observe(64, at, seen[-1])
    n_tiles = -(-n_rows // 64)
    expected = table.expected_ms(n_rows, min(depth, max(at for at, _ in passes)))
    assert n_tiles * min(seen) * 0.99 <= expected <= n_tiles * max(seen) * 1.5
