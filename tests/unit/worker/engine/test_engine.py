"""The engine's stories, told on the fake backend: who runs, who waits, who shares."""

from tests.unit.worker.engine.driving import (
    ENDLESS,
    A,
    B,
    C,
    Driver,
    alone,
    ended,
    kinds,
    spec,
)
from velocity_local.worker.backends.fake.script import Echo, Fixed, Script
from velocity_local.worker.engine.sequence import (
    Ended,
    Prefilling,
    SequenceKey,
    Token,
)


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
    # The pace is not known yet: a tile first
    assert driver.backend.passes == [[(0, 64)], [(0, 128)], [(0, 108)]]


def test_beside_a_decoding_sequence_the_rows_fill_whole_tiles() -> None:
    driver = Driver(ENDLESS, n_batch=64)
    driver.submit(spec(1, "a", max_tokens=100))
    driver.step()
    driver.submit(spec(2, "x" * 200, max_tokens=1))
    for _ in range(4):
        driver.step()
    assert driver.backend.passes[1:] == [[(0, 1), (1, 11)]] + [[(0, 1), (1, 63)]] * 3


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
    driver.engine.warm_up()
    driver.backend.passes.clear()
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
    driver = Driver(ENDLESS, n_ctx=120)
    for handle, text in ((1, "a" * 36), (2, "b" * 36), (3, "c" * 36)):
        driver.submit(spec(handle, text, max_tokens=5))
        driver.run()
    driver.submit(spec(4, "b" * 36, max_tokens=5), spec(5, "a" * 36, max_tokens=5))
    driver.run()
    assert driver.begin(SequenceKey(4, 0)).cached_tokens == 35
    assert driver.begin(SequenceKey(5, 0)).cached_tokens == 0


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


def test_who_asks_while_it_warms_up_is_served_at_once() -> None:
    driver = Driver(n_batch=128)
    driver.backend.during_pass = driver.engine.stop_warming
    driver.engine.warm_up()
    assert driver.backend.passes == [[(0, 1)]]
    driver.submit(spec(1, "x" * 10, max_tokens=1))
    driver.run()
    assert driver.tokens(A)


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
