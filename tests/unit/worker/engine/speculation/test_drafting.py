"""A small model guesses for a large one: what comes is the large one's, whatever the small says."""

from collections.abc import Sequence

import pytest

from tests.unit.worker.engine.driving import A, Driver, alone, ended, spec
from velocity_local.core.models import Speculation
from velocity_local.worker.backends.fake.script import Babble, Fault, Script
from velocity_local.worker.engine.sequence import SequenceSpec

# What follows depends on the two tokens before it alone, or, now and then, on all of them.
LARGE = Script(reply=Babble(mean_tokens=10**9))
SAME = Script(reply=LARGE.reply)
OTHER = Script(reply=Babble(seed=1, mean_tokens=10**9))
ENDING = Script(reply=Babble(mean_tokens=3))
LONG = 120


def _driver(draft: Script, speculation: Speculation = "on", *, n_ctx: int = 512) -> Driver:
    return Driver(LARGE, n_ctx=n_ctx, speculation=speculation, draft=draft)


@pytest.mark.parametrize("draft", [SAME, OTHER, ENDING], ids=["same", "other", "ending"])
def test_the_text_is_that_without_guesses(draft: Script) -> None:
    specs = [spec(i, f"number {i}", max_tokens=LONG) for i in range(1, 5)]
    driver = _driver(draft, n_ctx=1024)
    driver.submit(*specs)
    driver.run()
    for one in specs:
        assert driver.tokens(one.key) == alone(one, LARGE, n_ctx=1024)


def test_a_model_that_says_the_same_saves_passes() -> None:
    driver = _driver(SAME)
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    timings = ended(driver, A).timings
    assert len(driver.backend.passes) <= LONG / 4
    assert timings.accepted_tokens == timings.drafted_tokens


def test_what_was_read_is_not_read_again() -> None:
    driver = _driver(SAME)
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    assert driver.draft is not None
    n_read = sum(n for one in driver.draft.passes for _, n in one)
    assert n_read < LONG + 2 * 24


def test_a_long_prompt_is_read_over_several_steps_and_then_guessed_for() -> None:
    driver = _driver(SAME, n_ctx=4096)
    driver.submit(spec(1, tuple(range(97, 122)) * 100, max_tokens=300))
    driver.run()
    assert driver.draft is not None
    assert max(sum(n for _, n in one) for one in driver.draft.passes) <= 128
    assert ended(driver, A).timings.accepted_tokens > 100


def test_a_small_model_that_fails_costs_guesses_only() -> None:
    broken = Script(reply=LARGE.reply, faults=(Fault(do="error", when="step", count=9),))
    driver = _driver(broken)
    one = spec(1, max_tokens=LONG)
    driver.submit(one)
    driver.run()
    assert driver.tokens(A) == alone(one, LARGE)
    assert driver.draft is not None
    assert len(driver.draft.passes) == 9


def test_cells_of_its_own_give_way_to_new_texts() -> None:
    driver = Driver(LARGE, n_ctx=300, n_seq_max=4, speculation="on", draft=SAME)
    for i in range(1, 7):
        one = spec(i, f"{i}" * 60, max_tokens=60)
        driver.submit(one)
        driver.run()
        assert driver.tokens(one.key) == alone(one, LARGE, n_ctx=300)
        assert ended(driver, one.key).timings.accepted_tokens > 20


def _run_s(draft: Script | None, small_ms: float, specs: Sequence[SequenceSpec]) -> float:
    """How long it takes where the large model's pass takes 5 ms whatever its rows."""
    mode: Speculation = "off" if draft is None else "auto"
    driver = Driver(LARGE, n_ctx=4096, n_batch=512, speculation=mode, draft=draft)
    driver.backend.during_pass = lambda: driver.clock.advance(0.005)
    if driver.draft is not None:
        driver.draft.during_pass = lambda: driver.clock.advance(small_ms / 1000)
    driver.submit(*specs)
    driver.run(at_most=20_000)
    return driver.clock.monotonic_s()


SPECS = [spec(1, max_tokens=1200), spec(2, "another one", max_tokens=1200)]


def test_a_quick_model_that_guesses_right_is_used() -> None:
    assert _run_s(SAME, 0.5, SPECS) < 0.5 * _run_s(None, 0.0, SPECS)


@pytest.mark.parametrize(
    ("draft", "small_ms"), [(OTHER, 0.5), (OTHER, 5.0), (SAME, 10.0)], ids=["wrong", "both", "slow"]
)
def test_one_that_does_not_help_costs_nothing(draft: Script, small_ms: float) -> None:
    assert _run_s(draft, small_ms, SPECS) <= 1.02 * _run_s(None, 0.0, SPECS)
