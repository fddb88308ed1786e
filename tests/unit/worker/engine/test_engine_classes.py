"""More urgent sequences take the place of others: seldom, not for nothing, and nobody loses."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.worker.engine.driving import ENDLESS, Driver, alone, broken, ended, spec
from velocity_local.core.queueing import PRIORITIES, Priority, QueueTerms
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.roster import MAX_DISPLACEMENTS
from velocity_local.worker.engine.sequence import Ended, SequenceKey, SequenceSpec
from velocity_local.worker.engine.waitlist import AGING_S


def _spec(
    handle: int,
    prompt: str,
    priority: Priority,
    *,
    choice: int = 0,
    max_tokens: int = 20,
    timeout_s: float | None = None,
) -> SequenceSpec:
    terms = QueueTerms(priority, timeout_s=timeout_s)
    return spec(handle, prompt, choice=choice, max_tokens=max_tokens)._replace(queue=terms)


def _running(driver: Driver) -> set[int]:
    return {sequence.key.handle for sequence in driver.engine._roster.running}


def test_with_no_slot_left_the_least_urgent_and_youngest_makes_room() -> None:
    driver = Driver(ENDLESS, n_seq_max=3)
    driver.submit(_spec(1, "aaa", "batch"), _spec(2, "bbb", "batch"), _spec(3, "ccc", "api"))
    driver.step()
    driver.submit(_spec(4, "ddd", "interactive"))
    driver.step()
    assert _running(driver) == {1, 3, 4}


def test_with_cells_lacking_as_many_make_room_as_must() -> None:
    driver = Driver(ENDLESS, n_ctx=200, n_seq_max=4, reserve_tokens=8)
    for handle in (1, 2, 3):
        driver.submit(_spec(handle, chr(96 + handle) * 40, "batch"))
    driver.step()
    driver.submit(_spec(4, "d" * 100, "api"))
    driver.step()
    assert _running(driver) == {1, 4}


def test_who_made_room_goes_on_later_as_if_nothing_had_happened() -> None:
    driver = Driver(n_seq_max=1)
    slow = _spec(1, "once upon a time", "batch", max_tokens=40)
    driver.submit(slow)
    for _ in range(10):
        driver.step()
    driver.submit(_spec(2, "quick", "interactive", max_tokens=3))
    driver.step()
    assert _running(driver) == {2}
    driver.run()
    ended(driver, slow.key)
    assert driver.tokens(slow.key) == alone(slow)


def test_what_a_sequence_had_computed_when_it_made_room_is_not_computed_again() -> None:
    driver = Driver(ENDLESS, n_seq_max=1, state_bytes=1 << 20)
    driver.submit(_spec(1, "a" * 100, "batch", max_tokens=60))
    for _ in range(20):
        driver.step()
    driver.submit(_spec(2, "b" * 100, "interactive", max_tokens=2))
    while _running(driver) != {1} or driver.engine._roster.waiting:
        driver.step()
    n_again = sum(n for one in driver.backend.passes[-1:] for _, n in one)
    assert n_again <= 2


def test_nobody_makes_room_for_its_own_class() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(_spec(1, "aaa", "interactive"))
    driver.step()
    driver.submit(_spec(2, "bbb", "interactive"), _spec(3, "ccc", "batch"))
    driver.step()
    assert _running(driver) == {1}


def test_nobody_makes_room_whose_prompt_a_more_urgent_one_is_waiting_for() -> None:
    driver = Driver(ENDLESS, n_seq_max=2, n_batch=64)
    driver.submit(_spec(1, "a" * 300, "batch"))
    driver.step()
    driver.submit(_spec(2, "a" * 300, "interactive"))
    driver.step()
    driver.submit(_spec(3, "b" * 30, "interactive"))
    driver.step()
    assert _running(driver) == {1, 2}


def test_when_cells_run_out_the_less_urgent_steps_back_though_it_is_older() -> None:
    driver = Driver(ENDLESS, n_ctx=120, reserve_tokens=8)
    driver.submit(_spec(1, "a" * 30, "batch", max_tokens=80))
    driver.step()
    driver.submit(_spec(2, "b" * 30, "interactive", max_tokens=80))
    while len(_running(driver)) < 2:
        driver.step()
    while len(_running(driver)) == 2:
        driver.step()
    assert _running(driver) == {2}


def test_who_stepped_back_for_cells_is_not_begun_again_before_there_is_room_to_go_on() -> None:
    driver = Driver(ENDLESS, n_ctx=120, reserve_tokens=8)
    for handle in (1, 2):
        driver.submit(_spec(handle, chr(96 + handle) * 30, "api", max_tokens=80))
    driver.step()
    while len(_running(driver)) == 2:
        driver.step()
    driver.submit(_spec(3, "c", "api"))
    driver.step()
    assert _running(driver) == {1}


def test_nobody_makes_room_if_that_would_not_be_enough() -> None:
    driver = Driver(ENDLESS, n_ctx=200, n_seq_max=4, reserve_tokens=8)
    driver.submit(_spec(1, "a" * 90, "interactive"), _spec(2, "b" * 20, "batch"))
    driver.step()
    driver.submit(_spec(3, "c" * 150, "interactive"))
    driver.step()
    assert _running(driver) == {1, 2}


def test_a_sequence_makes_room_twice_and_then_stays() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(_spec(1, "aaa", "batch", max_tokens=400))
    driver.step()
    for handle in range(2, 2 + MAX_DISPLACEMENTS):
        driver.submit(_spec(handle, "bbb", "interactive", max_tokens=2))
        driver.step()
        assert _running(driver) == {handle}
        while _running(driver) != {1}:
            driver.step()
    driver.submit(_spec(99, "ccc", "interactive"))
    driver.step()
    assert _running(driver) == {1}


def test_one_that_had_to_wait_too_long_is_begun_and_stays() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(_spec(1, "aaa", "interactive", max_tokens=3), _spec(2, "bbb", "batch"))
    driver.step()
    driver.clock.advance(3 * AGING_S)
    driver.submit(_spec(3, "ccc", "interactive"), _spec(4, "ddd", "interactive"))
    while 1 in _running(driver):
        driver.step()
    driver.step()
    assert _running(driver) == {2}


def test_who_is_not_begun_in_its_time_is_told_so() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(_spec(1, "aaa", "api"), _spec(2, "bbb", "api", timeout_s=5.0))
    driver.step()
    driver.clock.advance(4.9)
    driver.step()
    assert not driver.events[SequenceKey(2, 0)]
    driver.clock.advance(0.2)
    driver.step()
    error = broken(driver, SequenceKey(2, 0))
    assert (error.code, error.message.split(";")[0]) == ("queue_timeout", "not begun within 5 s")


def test_one_whose_time_was_over_before_it_came_is_not_computed() -> None:
    """It waited elsewhere in the worker: that counts."""
    driver = Driver(n_seq_max=1)
    driver.clock.advance(10.0)
    driver.submit(_spec(1, "aaa", "api", timeout_s=5.0)._replace(arrived_s=4.0))
    driver.run()
    assert broken(driver, SequenceKey(1, 0)).code == "queue_timeout"
    assert driver.backend.passes == []


def test_a_request_that_has_begun_may_take_longer_than_it_may_wait() -> None:
    driver = Driver(n_seq_max=1)
    specs = [_spec(1, "aaa", "api", choice=i, timeout_s=5.0, max_tokens=6) for i in (0, 1)]
    driver.submit(*specs)
    driver.step()
    driver.clock.advance(6.0)
    driver.run()
    assert all(isinstance(driver.end(one.key), Ended) for one in specs)


REQUEST = st.tuples(
    st.just("submit"),
    st.sampled_from(PRIORITIES),
    st.text("ab", min_size=1, max_size=70),
    st.integers(1, 40),
)
TICK = st.tuples(st.just("tick"), st.floats(0.0, 30.0), st.integers(1, 6))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(REQUEST | TICK, min_size=5, max_size=40), st.sampled_from([0, 1 << 20]))
def test_whatever_comes_the_model_works_and_everybody_gets_their_answer(
    actions: list[tuple],  # type: ignore[type-arg]  # a mixed union
    state_bytes: int,
) -> None:
    script = Script(reply=Babble(mean_tokens=30), prefill_tile=16)
    driver = Driver(
        script, n_ctx=160, n_seq_max=3, n_batch=32, reserve_tokens=8, state_bytes=state_bytes
    )
    specs: list[SequenceSpec] = []
    for kind, *arguments in actions:
        if kind == "submit":
            priority, prompt, max_tokens = arguments
            specs.append(_spec(len(specs), prompt, priority, max_tokens=max_tokens))
            driver.submit(specs[-1])
        else:
            seconds, n_steps = arguments
            driver.clock.advance(seconds)
            for _ in range(n_steps):
                _step(driver)
    while driver.engine.has_work:
        _step(driver)
    for one in specs:
        ended(driver, one.key)
        assert driver.tokens(one.key) == alone(one, script, n_ctx=160)


def _step(driver: Driver) -> None:
    """While somebody waits something is computed, and no one is displaced too often."""
    roster, passes = driver.engine._roster, driver.backend.passes
    n_waiting, n_passes = len(roster.waiting), len(passes)
    driver.step()
    assert not n_waiting or len(passes) > n_passes, "somebody waits, and nobody runs"
    for sequence in (*roster.running, *roster.waiting):
        assert sequence.n_displaced <= MAX_DISPLACEMENTS
