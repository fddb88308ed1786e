"""A model's own heads guess beside a draft model, and recurrent states step back."""

import pytest

from tests.unit.worker.engine.driving import A, Driver, alone, ended, spec
from velocity_local.core.models import Speculation
from velocity_local.worker.backends.fake.script import Babble, Script

LARGE = Script(reply=Babble(mean_tokens=10**9))
SAME = Script(reply=LARGE.reply)
OTHER = Script(reply=Babble(seed=1, mean_tokens=10**9))
STEPPING = Script(reply=LARGE.reply, truncation="never", n_rollback=3)
LONG = 400


def _driver(mode: Speculation, *, draft: Script | None, heads: Script | None) -> Driver:
    """The model's pass takes 5 ms, those of what guesses for it half of one."""
    driver = Driver(LARGE, n_ctx=2048, n_batch=512, speculation=mode, draft=draft, heads=heads)
    driver.backend.during_pass = lambda: driver.clock.advance(0.005)
    for guesser in (driver.draft, driver.heads):
        if guesser is not None:
            guesser.during_pass = lambda: driver.clock.advance(0.0005)
    return driver


def _run_s(mode: Speculation, draft: Script | None = None, heads: Script | None = None) -> float:
    driver = _driver(mode, draft=draft, heads=heads)
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    return driver.clock.monotonic_s()


@pytest.mark.parametrize("draft", [None, OTHER], ids=["alone", "beside a draft model"])
def test_heads_that_guess_right_are_used(draft: Script | None) -> None:
    assert _run_s("auto", draft, SAME) < 0.6 * _run_s("off")


def test_a_draft_model_is_used_where_heads_guess_wrong() -> None:
    assert _run_s("auto", SAME, OTHER) < 0.6 * _run_s("off")


def test_heads_that_guess_wrong_cost_next_to_nothing() -> None:
    assert _run_s("auto", None, OTHER) <= 1.05 * _run_s("off")


@pytest.mark.parametrize("heads", [None, SAME, OTHER], ids=["lookup", "same", "other"])
def test_states_step_back_over_as_many_guesses_as_are_kept(heads: Script | None) -> None:
    driver = Driver(STEPPING, speculation="on", heads=heads)
    driver.engine.warm_up()
    driver.backend.passes.clear()
    specs = [spec(i, f"tell me, tell me, tell {i}", max_tokens=60) for i in range(1, 4)]
    driver.submit(*specs)
    driver.run()
    for one in specs:
        assert driver.tokens(one.key) == alone(one, LARGE)
    decoding = [n for one in driver.backend.passes for _, n in one if n < 20]
    assert max(decoding) <= 4
    if heads is SAME:
        assert max(decoding) == 4
        assert ended(driver, A).timings.accepted_tokens > 30
