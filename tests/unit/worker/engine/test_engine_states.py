"""Cells leave the device and come back: fewer tokens are computed, and the words stay the same."""

import pytest

from tests.unit.worker.engine.driving import Driver, alone, ended, spec
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.prefix import MIN_MATCH_TOKENS
from velocity_local.worker.engine.sequence import SequenceKey

KINDS = {
    "attention": Script(reply=Babble(mean_tokens=10**9), prefill_tile=16),
    "window": Script(
        reply=Babble(mean_tokens=10**9), prefill_tile=16, truncation="within_window", window=24,
        can_copy_part=False,
    ),
    "recurrent": Script(
        reply=Babble(mean_tokens=10**9), prefill_tile=16, truncation="never", can_copy_part=False
    ),
}  # fmt: skip
HEAD = "You are a helpful assistant who answers in one line. " * 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_turn_computes_little_though_others_came_between(kind: str) -> None:
    driver = Driver(KINDS[kind], n_ctx=512, n_seq_max=2, state_bytes=10**6)
    driver.submit(spec(1, HEAD, max_tokens=12))
    driver.run()
    for other in range(2, 6):
        driver.submit(spec(other, f"{other} wholly different words, many of them. " * 4))
        driver.run()
    prompt = tuple(HEAD.encode()) + tuple(driver.tokens(SequenceKey(1, 0)))[:-1] + tuple(b" More?")
    driver.submit(spec(9, prompt, max_tokens=8))
    driver.run()
    usage = ended(driver, SequenceKey(9, 0)).usage
    assert usage.cached_tokens >= len(HEAD) + 10
    assert driver.tokens(SequenceKey(9, 0)) == alone(spec(9, prompt, max_tokens=8), KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_told_otherwise_costs_no_more_than_itself(kind: str) -> None:
    """The next prompt parts from the last one where its answer began, as without its reasoning."""
    driver = Driver(KINDS[kind], n_ctx=512, n_seq_max=2, state_bytes=10**6)
    driver.submit(spec(1, HEAD, max_tokens=12))
    driver.run()
    prompt = HEAD[:-3] + "Something else was said. And now?"
    driver.submit(spec(2, prompt, max_tokens=8))
    driver.run()
    cached = ended(driver, SequenceKey(2, 0)).usage.cached_tokens
    assert cached >= (len(HEAD) - 8) // 16 * 16
    assert driver.tokens(SequenceKey(2, 0)) == alone(spec(2, prompt, max_tokens=8), KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_steps_back_does_not_compute_again_what_it_had(kind: str) -> None:
    driver = Driver(KINDS[kind], n_ctx=256, n_seq_max=4, reserve_tokens=1, state_bytes=10**6)
    asked = [spec(i, f"{i}" * 60, max_tokens=120) for i in range(1, 4)]
    driver.submit(*asked)
    driver.run()
    n_computed = sum(n for one_pass in driver.backend.passes for _, n in one_pass)
    assert n_computed <= 3 * (60 + 120) + 3 * MIN_MATCH_TOKENS
    for one in asked:
        assert driver.tokens(one.key) == alone(one, KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_without_room_for_states_nothing_is_saved(kind: str) -> None:
    driver = Driver(KINDS[kind], n_ctx=512, n_seq_max=2)
    for number in range(1, 5):
        driver.submit(spec(number, f"{number} " + HEAD, max_tokens=12))
        driver.run()
    driver.submit(spec(9, "1 " + HEAD, max_tokens=12))
    driver.run()
    assert ended(driver, SequenceKey(9, 0)).usage.cached_tokens == 0


def test_what_makes_room_in_the_only_slot_is_saved_before_it_is_cut() -> None:
    driver = Driver(KINDS["attention"], n_ctx=512, n_seq_max=1, state_bytes=10**6)
    driver.submit(spec(1, HEAD, max_tokens=40))
    driver.run()
    driver.submit(spec(2, HEAD[:60] + "but otherwise from here on"))
    driver.run()
    assert ended(driver, SequenceKey(2, 0)).usage.cached_tokens == 60
    driver.submit(spec(3, HEAD))
    driver.run()
    assert ended(driver, SequenceKey(3, 0)).usage.cached_tokens == len(HEAD) - 1
