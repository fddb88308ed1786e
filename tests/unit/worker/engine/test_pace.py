from velocity_local.worker.engine.pace import Pace


def test_before_anything_is_known_a_step_is_a_whole_batch() -> None:
    pace = Pace(n_batch=512, tile=64)
    assert (pace.alone_rows, pace.mixed_rows) == (512, 512)


def test_a_step_beside_others_aims_at_the_stall_target() -> None:
    pace = Pace(n_batch=512, tile=64, stall_target_ms=250)
    pace.observe(512, 736.0)
    assert (pace.alone_rows, pace.mixed_rows) == (512, 128)


def test_a_tile_is_the_least_however_slow() -> None:
    pace = Pace(n_batch=512, tile=64)
    pace.observe(64, 60_000.0)
    assert (pace.alone_rows, pace.mixed_rows) == (64, 64)


def test_a_prompt_alone_is_cut_only_where_a_step_would_take_too_long() -> None:
    pace = Pace(n_batch=512, tile=64, step_limit_ms=2000)
    pace.observe(64, 400.0)
    assert pace.alone_rows == 256


def test_a_fast_machine_takes_whole_batches() -> None:
    pace = Pace(n_batch=512, tile=64)
    pace.observe(512, 12.0)
    assert (pace.alone_rows, pace.mixed_rows) == (512, 512)


def test_short_steps_teach_nothing() -> None:
    pace = Pace(n_batch=512, tile=64)
    pace.observe(8, 5000.0)
    assert pace.mixed_rows == 512


def test_the_pace_follows_a_growing_context() -> None:
    pace = Pace(n_batch=512, tile=64)
    for _ in range(8):
        pace.observe(512, 700.0)
    for _ in range(8):
        pace.observe(512, 2800.0)
    assert pace.mixed_rows == 64


def test_one_slow_step_counts_by_half_and_a_fast_one_in_full() -> None:
    pace = Pace(n_batch=512, tile=64, stall_target_ms=250)
    pace.observe(64, 100.0)
    pace.observe(64, 300.0)
    assert pace.expected_ms(64) == 200.0
    pace.observe(64, 90.0)
    assert pace.expected_ms(64) == 90.0
