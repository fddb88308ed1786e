"""Prompts that arrive together, and what finished sequences leave behind."""

from tests.unit.worker.engine.driving import ENDLESS, A, Driver, spec
from velocity_local.worker.engine.sequence import Token


def _burst(driver: Driver) -> None:
    """Three prompts at once, of 60 tokens each, one token of each wanted and one more."""
    driver.submit(*(spec(i, letter * 60, max_tokens=2) for i, letter in enumerate("xyz", start=1)))


def test_prompts_that_come_together_are_computed_before_any_goes_on() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.engine.warm_up()
    driver.backend.passes.clear()
    _burst(driver)
    driver.run()
    assert driver.backend.passes == [
        [(0, 60), (1, 4)],
        [(1, 56), (2, 8)],
        [(2, 52)],
        [(0, 1), (1, 1), (2, 1)],
    ]


def test_a_new_stream_does_not_wait_for_prompts_that_take_long() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.backend.during_pass = lambda: driver.clock.advance(3.0)
    driver.engine.warm_up()
    driver.backend.passes.clear()
    _burst(driver)
    driver.run()
    assert (0, 1) in driver.backend.passes[1]


def test_a_stream_that_has_gone_on_never_waits_again() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.engine.warm_up()
    driver.submit(spec(1, "a", max_tokens=100))
    driver.step()
    driver.step()
    driver.submit(spec(2, "x" * 200, max_tokens=1))
    for _ in range(3):
        assert A in {event.key for event in driver.step() if isinstance(event, Token)}


def test_finished_sequences_keep_few_cells_and_the_newest_all_of_its_own() -> None:
    driver = Driver(n_ctx=4096)
    for handle, length in ((1, 60), (2, 60), (3, 60), (4, 900)):
        driver.submit(spec(handle, chr(96 + handle) * length, max_tokens=1))
        driver.run()
        assert driver.engine.load().used_cells <= max(128, length)
    driver.submit(spec(5, "d" * 900, max_tokens=1))
    driver.run()
    assert driver.begin(spec(5).key).cached_tokens == 899
