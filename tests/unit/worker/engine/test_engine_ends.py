"""How sequences end before their time: cancelled, late, resumed, failed, interrupted."""

import pytest

from tests.unit.worker.engine.driving import (
    ENDLESS,
    A,
    B,
    C,
    Driver,
    alone,
    broken,
    ended,
    kinds,
    spec,
)
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.script import Fault, Script
from velocity_local.worker.engine.backend import NoMemoryError
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceKey,
    Token,
)


def test_cancel_frees_the_slot_at_once_and_says_nothing_more() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(spec(1, max_tokens=100), spec(2, "next", max_tokens=3))
    driver.step()
    driver.engine.cancel(1)
    driver.run()
    assert kinds(driver, A) == [Prefilling, Token]
    assert len(driver.tokens(B)) == 3


@pytest.mark.parametrize("n_steps", [0, 1, 3])
def test_cancel_works_in_queue_in_prefill_and_in_decode(n_steps: int) -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "x" * 100, max_tokens=100))
    for _ in range(n_steps):
        driver.step()
    driver.engine.cancel(1)
    assert not driver.engine.has_work
    driver.engine.check_integrity()
    assert driver.step() == []


def test_cancel_drops_all_choices_and_an_answer_not_yet_told() -> None:
    driver = Driver()
    driver.submit(spec(1, ""), spec(1, choice=1), spec(2))
    driver.engine.cancel(1)
    driver.engine.cancel(99)
    driver.run()
    assert driver.events[A] == driver.events[SequenceKey(1, 1)] == []
    assert isinstance(driver.end(B), Ended)


def test_finish_ends_a_sequence_with_its_count_and_no_event() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, max_tokens=100))
    driver.step()
    driver.step()
    result = driver.engine.finish(A)
    assert result is not None
    assert result[0].completion_tokens == 2
    assert driver.engine.finish(A) is None
    assert not driver.engine.has_work
    assert driver.step() == []


def test_a_deadline_breaks_a_sequence_wherever_it_is() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(
        spec(1, max_tokens=100, deadline_s=2.0),
        spec(2, "waits", deadline_s=1.0),
        spec(3, "later", max_tokens=2, deadline_s=30.0),
    )
    driver.step()
    driver.clock.advance(1.0)
    driver.step()
    assert kinds(driver, B) == [Broken]
    driver.clock.advance(1.5)
    driver.run()
    assert broken(driver, A).code == broken(driver, B).code == "deadline_exceeded"
    assert len(driver.tokens(C)) == 2


def test_emitted_tokens_are_computed_replayed_counted_and_not_told_again() -> None:
    whole = spec(1, "x" * 30, max_tokens=12)
    said = alone(whole, ENDLESS)
    driver = Driver(ENDLESS)
    driver.submit(spec(1, "x" * 30, max_tokens=12, emitted=tuple(said[:5])))
    driver.run()
    assert driver.tokens(A) == said[5:]
    usage = ended(driver, A).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (30, 12, 0)


def test_emitted_tokens_never_count_as_cached() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, "x" * 30, max_tokens=8))
    driver.run()
    driver.submit(spec(2, "x" * 30, max_tokens=12, emitted=tuple(driver.tokens(A))))
    driver.run()
    assert ended(driver, B).usage.cached_tokens == 30


@pytest.mark.parametrize(
    ("emitted", "max_tokens", "reason"),
    [((*b"ab", 258), 20, "stop"), (tuple(b"abc"), 3, "length")],
    ids=["said its end", "said all it may"],
)
def test_what_had_ended_before_it_was_resumed_ends_at_once(
    emitted: tuple[int, ...], max_tokens: int, reason: str
) -> None:
    driver = Driver()
    driver.submit(spec(1, emitted=emitted, max_tokens=max_tokens))
    driver.run()
    assert kinds(driver, A) == [Prefilling, Ended]
    assert ended(driver, A).reason == reason
    assert ended(driver, A).usage.completion_tokens == 3


def test_a_failing_batch_breaks_its_sequences_and_not_those_who_wait() -> None:
    failing = Script(reply=ENDLESS.reply, faults=(Fault("error", "step", count=2),))
    driver = Driver(failing, n_seq_max=2)
    driver.submit(spec(1), spec(2, "another"), spec(3, "waits", max_tokens=4))
    driver.run()
    assert broken(driver, A).code == broken(driver, B).code == "model_error"
    assert "scripted failure" in broken(driver, A).message
    assert len(driver.tokens(C)) == 4


def test_a_failure_while_sampling_breaks_those_who_share_the_prompt_too() -> None:
    failing = Script(reply=ENDLESS.reply, faults=(Fault("error", "tokens", count=2),))
    driver = Driver(failing)
    driver.submit(*(spec(1, "x" * 50, choice=i) for i in range(3)))
    driver.run()
    assert {broken(driver, SequenceKey(1, i)).code for i in range(3)} == {"model_error"}


@pytest.mark.parametrize(
    ("prompt", "code", "says"),
    [
        ("x" * 512, "context_length_exceeded", "512 tokens; the model holds 512"),
        ("", "invalid_value", "no tokens"),
        ((1, 2, 259), "invalid_value", "token 259 is outside"),
        ((1, -2, 3), "invalid_value", "token -2 is outside"),
    ],
    ids=["too long", "empty", "unknown token", "negative token"],
)
def test_what_cannot_run_is_refused_alone(
    prompt: str | tuple[int, ...], code: str, says: str
) -> None:
    driver = Driver()
    driver.submit(spec(1, prompt), spec(2, max_tokens=3))
    driver.run()
    assert kinds(driver, A) == [Broken]
    assert broken(driver, A).code == code
    assert says in broken(driver, A).message
    assert isinstance(driver.end(B), Ended)


def test_a_bad_bias_is_refused_by_name_and_the_queue_goes_on() -> None:
    driver = Driver()
    driver.submit(spec(1, sampling=SamplingParams(logit_bias=((999, 1.0),))), spec(2))
    driver.run()
    assert broken(driver, A).param == "logit_bias"
    assert isinstance(driver.end(B), Ended)


def test_an_interrupted_step_is_computed_again_and_nothing_is_lost() -> None:
    one = spec(1, "x" * 200, max_tokens=5)
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(one)
    driver.step()
    driver.backend.during_pass = driver.engine.interrupt
    assert driver.step() == []
    driver.backend.during_pass = None
    driver.run()
    assert driver.backend.passes[1] == driver.backend.passes[2]
    assert driver.tokens(A) == alone(one, ENDLESS)


def test_a_cancel_interrupts_only_a_step_that_it_is_part_of() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "x" * 100, max_tokens=5))
    driver.backend.during_pass = lambda: driver.engine.interrupt(2)
    driver.run()
    assert len(driver.backend.passes) == 2 + 4


def test_whoever_is_interrupted_again_and_again_still_gets_on() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "x" * 200, max_tokens=1))

    def slowly() -> None:
        driver.clock.advance(1.0)
        driver.engine.interrupt()

    driver.backend.during_pass = slowly
    driver.run()
    assert [n for one in driver.backend.passes for _, n in one] == [64, 64] * 3 + [8, 8]


def test_steps_of_single_tokens_are_not_interrupted() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, max_tokens=5))
    driver.step()
    driver.backend.during_pass = driver.engine.interrupt
    driver.run()
    assert len(driver.backend.passes) == 5


def test_a_short_step_is_not_interrupted() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.backend.during_pass = lambda: driver.clock.advance(0.01)
    driver.submit(spec(1, "x" * 200, max_tokens=1))
    driver.step()
    driver.backend.during_pass = driver.engine.interrupt
    driver.run()
    assert len(driver.backend.passes) == 4


def test_a_cache_that_is_full_unforeseen_costs_residents_then_the_youngest_then_the_last() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, "r" * 50, max_tokens=1))
    driver.run()
    driver.submit(spec(2, "a", max_tokens=4), spec(3, "b", max_tokens=4))
    driver.backend.n_full = 1
    driver.step()
    assert driver.engine.load().used_cells == 0
    driver.backend.n_full = 1
    driver.step()
    assert (driver.engine.load().running, driver.engine.load().waiting) == (1, 1)
    driver.backend.n_full = 1
    driver.step()
    driver.run()
    assert broken(driver, B).code == "out_of_memory"
    assert driver.tokens(C) == alone(spec(3, "b", max_tokens=4), ENDLESS)


def test_a_pass_without_memory_fails_those_in_it_by_name_and_others_go_on() -> None:
    driver = Driver(ENDLESS)

    def no_memory() -> None:
        raise NoMemoryError("llama_decode: failed to allocate")

    driver.backend.during_pass = no_memory
    driver.submit(spec(1, "x" * 10, max_tokens=5))
    driver.run()
    error = broken(driver, A)
    assert error.code == "out_of_memory"
    assert "failed to allocate" in error.message
    driver.backend.during_pass = None
    driver.submit(spec(2, "y" * 10, max_tokens=5))
    driver.run()
    assert len(driver.tokens(B)) == 5
