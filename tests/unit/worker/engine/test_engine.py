"""The engine's stories, told on the fake backend: who runs, who waits, how each ends."""

import pytest

from tests.unit.worker.engine.driving import Driver, alone, spec
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.script import Babble, Echo, Fault, Fixed, Script
from velocity_local.worker.engine.sequence import (
    Broken,
    Ended,
    Prefilling,
    SequenceKey,
    Token,
)

ENDLESS = Script(reply=Babble(mean_tokens=10**9))
A, B, C = SequenceKey(1, 0), SequenceKey(2, 0), SequenceKey(3, 0)


def kinds(driver: Driver, key: SequenceKey) -> list[type]:
    return [type(event) for event in driver.events[key]]


def broken(driver: Driver, key: SequenceKey) -> ErrorInfo:
    end = driver.end(key)
    assert isinstance(end, Broken)
    return end.error


def ended(driver: Driver, key: SequenceKey) -> Ended:
    end = driver.end(key)
    assert isinstance(end, Ended)
    return end


def test_a_sequence_begins_speaks_and_ends() -> None:
    driver = Driver(Script(reply=Echo()))
    driver.submit(spec(1, "say this"))
    driver.run()
    assert kinds(driver, A) == [Prefilling, *[Token] * 9, Ended]
    assert bytes(driver.tokens(A)[:-1]) == b"say this"
    assert ended(driver, A).reason == "stop"


def test_the_end_token_is_counted() -> None:
    driver = Driver(Script(reply=Fixed("abc")))
    driver.submit(spec(1, "hello"))
    driver.run()
    usage = ended(driver, A).usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (5, 4, 0)


def test_max_tokens_end_a_sequence_by_length() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, max_tokens=7))
    driver.run()
    assert ended(driver, A).reason == "length"
    assert len(driver.tokens(A)) == 7


def test_no_tokens_wanted_ends_at_once_and_computes_nothing() -> None:
    driver = Driver()
    driver.submit(spec(1, max_tokens=0))
    driver.run()
    assert kinds(driver, A) == [Prefilling, Ended]
    assert driver.backend.passes == []


def test_a_full_context_ends_a_sequence_by_length() -> None:
    driver = Driver(ENDLESS, n_ctx=40)
    driver.submit(spec(1, "x" * 30, max_tokens=1000))
    driver.run()
    assert ended(driver, A).reason == "length"
    assert len(driver.tokens(A)) == 10


def test_a_long_prompt_is_computed_in_tiles() -> None:
    driver = Driver(ENDLESS, n_batch=128)
    driver.submit(spec(1, "x" * 300, max_tokens=1))
    driver.run()
    assert driver.backend.passes == [[(0, 128)], [(0, 128)], [(0, 44)]]


def test_beside_a_decoding_sequence_the_rows_fill_whole_tiles() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "a", max_tokens=100))
    driver.step()
    driver.submit(spec(2, "x" * 200, max_tokens=1))
    for _ in range(4):
        driver.step()
    assert driver.backend.passes[1:] == [[(0, 1), (1, 63)]] * 3 + [[(0, 1), (1, 11)]]


def test_a_running_stream_gets_a_token_in_every_step_of_a_long_prefill() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "a", max_tokens=100))
    driver.step()
    driver.submit(spec(2, "x" * 300, max_tokens=1))
    for _ in range(5):
        assert next(event.key for event in driver.step() if isinstance(event, Token)) == A


def test_first_come_is_first_served() -> None:
    driver = Driver(ENDLESS, n_seq_max=2)
    driver.submit(spec(1, max_tokens=5), spec(2, "other", max_tokens=9), spec(3, "third"))
    driver.step()
    assert (driver.engine.load().running, driver.engine.load().waiting) == (2, 1)
    while Ended not in kinds(driver, A):
        assert driver.events[C] == []
        driver.step()
    driver.step()
    assert driver.begin(C).prompt_tokens == 5


def test_a_prompt_that_fits_no_cells_waits_for_those_before_it() -> None:
    driver = Driver(ENDLESS, n_ctx=100)
    driver.submit(spec(1, "a" * 60, max_tokens=10), spec(2, "b" * 60, max_tokens=10))
    driver.step()
    assert driver.engine.load().waiting == 1
    driver.run()
    assert ended(driver, B).usage.completion_tokens == 10


def test_long_answers_that_outgrow_the_cache_take_turns_and_stay_right() -> None:
    driver = Driver(ENDLESS, n_ctx=128, reserve_tokens=4)
    specs = [spec(i, f"prompt {i}", max_tokens=100) for i in (1, 2, 3)]
    driver.submit(*specs)
    driver.run()
    for one in specs:
        assert driver.tokens(one.key) == alone(one, ENDLESS, n_ctx=128)
        assert kinds(driver, one.key).count(Prefilling) == 1


def test_equal_prompts_are_computed_once() -> None:
    driver = Driver(ENDLESS)
    driver.submit(*(spec(1, "x" * 100, choice=i, max_tokens=5) for i in range(4)))
    driver.step()
    assert driver.backend.passes == [[(0, 100)]]
    assert [driver.begin(SequenceKey(1, i)).cached_tokens for i in range(4)] == [0, 100, 100, 100]
    driver.run()
    assert len({tuple(driver.tokens(SequenceKey(1, i))) for i in range(4)}) == 1


def test_a_prompt_joins_a_prefix_that_is_just_being_computed() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    system = "s" * 120
    driver.submit(spec(1, system + "first", max_tokens=3))
    driver.step()
    driver.submit(spec(2, system + "other", max_tokens=3))
    driver.run()
    assert driver.begin(B).cached_tokens == 120
    assert sum(n for one in driver.backend.passes for _, n in one) == 125 + 5 + 2 + 2


def test_who_joined_a_cancelled_prefill_goes_on_from_what_it_had() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    follower = spec(2, "s" * 200 + "other", max_tokens=3)
    driver.submit(spec(1, "s" * 200 + "first"), follower)
    driver.step()
    driver.engine.cancel(1)
    driver.run()
    assert driver.begin(B).cached_tokens == 64
    assert driver.tokens(B) == alone(follower, ENDLESS)


def test_the_next_turn_finds_the_last_one_cached() -> None:
    driver = Driver(Script(reply=Fixed("fine, thanks")))
    driver.submit(spec(1, "hello, how are you?"))
    driver.run()
    prompt = (*b"hello, how are you?", *driver.tokens(A), *b" and now?")
    driver.submit(spec(2, prompt))
    driver.run()
    # The end token was sampled but never computed.
    assert driver.begin(B).cached_tokens == len("hello, how are you?fine, thanks")


def test_the_last_token_of_a_known_prompt_is_computed_again() -> None:
    driver = Driver(ENDLESS)
    driver.submit(spec(1, "x" * 50))
    driver.run()
    driver.submit(spec(2, "x" * 50))
    driver.run()
    assert driver.begin(B).cached_tokens == 49
    assert driver.tokens(B) == driver.tokens(A)


def test_residents_make_room_oldest_first() -> None:
    driver = Driver(ENDLESS, n_ctx=200)
    for handle, text in ((1, "a" * 60), (2, "b" * 60), (3, "c" * 100)):
        driver.submit(spec(handle, text, max_tokens=5))
        driver.run()
    driver.submit(spec(4, "b" * 60, max_tokens=5), spec(5, "a" * 60, max_tokens=5))
    driver.run()
    assert driver.begin(SequenceKey(4, 0)).cached_tokens == 59
    assert driver.begin(SequenceKey(5, 0)).cached_tokens == 0


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


def test_timings_tell_queue_prefill_and_decode_apart() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "x" * 100, max_tokens=3))
    driver.clock.advance(0.5)
    driver.step()
    driver.clock.advance(0.25)
    driver.step()
    driver.clock.advance(2.0)
    driver.run()
    timings = ended(driver, A).timings
    assert (timings.queue_ms, timings.prefill_ms, timings.decode_ms) == (500, 250, 2000)


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
    driver.backend.during_pass = driver.engine.interrupt
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


def test_warming_up_leaves_no_trace() -> None:
    driver = Driver()
    driver.engine.warm_up()
    driver.engine.check_integrity()
    assert driver.engine.load().used_cells == 0


def test_the_load_tells_who_runs_and_what_is_held() -> None:
    driver = Driver(ENDLESS, n_seq_max=1)
    driver.submit(spec(1, "x" * 20), spec(2, "y" * 20))
    driver.step()
    load = driver.engine.load()
    assert (load.running, load.waiting, load.used_cells) == (1, 1, 20)
