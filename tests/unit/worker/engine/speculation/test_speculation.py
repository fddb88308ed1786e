"""Guessing changes when tokens come and never which, and costs no more than it brings."""

from collections.abc import Callable

import pytest

from tests.unit.worker.engine.driving import A, B, Driver, alone, broken, ended, spec
from velocity_local.core.models import Speculation
from velocity_local.worker.backends.fake.script import Babble, Echo, Fault, Script
from velocity_local.worker.engine.sequence import SequenceSpec

REPEATING = Script(reply=Babble(mean_tokens=10**9, repeats=8))
WAVERING = Script(reply=Babble(mean_tokens=150, repeats=7))
FREE = Script(reply=Babble(mean_tokens=10**9))
LONG = 200


def _driver(script: Script, speculation: Speculation = "on", *, n_ctx: int = 512) -> Driver:
    return Driver(script, n_ctx=n_ctx, speculation=speculation)


@pytest.mark.parametrize("script", [REPEATING, WAVERING, FREE], ids=["same", "wavers", "free"])
def test_the_text_is_that_without_guesses(script: Script) -> None:
    specs = [spec(i, f"number {i}", max_tokens=LONG) for i in range(1, 5)]
    driver = _driver(script, n_ctx=1024)
    driver.submit(*specs)
    driver.run()
    for one in specs:
        assert driver.tokens(one.key) == alone(one, script, n_ctx=1024)


def test_a_text_that_repeats_itself_takes_few_passes() -> None:
    driver = _driver(REPEATING)
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    assert len(driver.tokens(A)) == LONG
    assert len(driver.backend.passes) < LONG / 3


def test_the_timings_tell_what_was_guessed_and_what_came_true() -> None:
    driver = _driver(REPEATING)
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    timings = ended(driver, A).timings
    n_passes = len(driver.backend.passes) - 1
    assert timings.accepted_tokens == LONG - 1 - n_passes
    assert timings.accepted_tokens <= timings.drafted_tokens


@pytest.mark.parametrize("max_tokens", range(40, 50))
def test_no_guess_goes_beyond_the_answer(max_tokens: int) -> None:
    driver = _driver(REPEATING)
    driver.submit(spec(1, max_tokens=max_tokens))
    driver.run()
    assert len(driver.tokens(A)) == max_tokens
    assert ended(driver, A).reason == "length"
    assert ended(driver, A).usage.completion_tokens == max_tokens


def test_an_answer_fills_the_context_to_its_last_cell() -> None:
    driver = _driver(REPEATING, n_ctx=128)
    driver.submit(spec(1, "abcd", max_tokens=1000))
    driver.run()
    assert len(driver.tokens(A)) == 124


def test_a_copied_answer_ends_where_it_ends() -> None:
    line = "the king went to the sea and the king came back from the sea"
    one = spec(1, f"{line}\n{line}", max_tokens=LONG)
    driver = _driver(Script(reply=Echo()))
    driver.submit(one)
    driver.run()
    assert driver.tokens(A) == alone(one, Script(reply=Echo()))
    assert ended(driver, A).reason == "stop"
    assert len(driver.backend.passes) < 30


class _Letters:
    """A constraint: so many tokens, of which each third is an x."""

    def __init__(self, n_tokens: int) -> None:
        self._n_left = n_tokens

    def accept(self, token: int) -> bool:
        if self._n_left % 3 == 0 and token != ord("x"):
            return False
        self._n_left -= 1
        return True

    def allowed(self) -> bytes:
        bits = 1 << ord("x") if self._n_left % 3 == 0 else (1 << 256) - 1
        return bits.to_bytes(40, "little")

    @property
    def is_complete(self) -> bool:
        return self._n_left <= 0


@pytest.mark.parametrize("n_tokens", range(90, 100))
def test_a_constraint_rules_every_position(n_tokens: int) -> None:
    def one() -> SequenceSpec:
        return spec(1, max_tokens=LONG)._replace(constraint=_Letters(n_tokens))

    driver = _driver(REPEATING)
    driver.submit(one())
    driver.run()
    said = driver.tokens(A)
    assert said == alone(one(), REPEATING)
    assert len(said) == n_tokens
    assert ended(driver, A).timings.accepted_tokens > 0


def test_a_pass_with_guesses_may_be_aborted() -> None:
    driver = _driver(REPEATING)
    one = spec(1, max_tokens=LONG)
    driver.submit(one)
    while len(driver.tokens(A)) < LONG - 20:
        driver.step()
        driver.backend.request_abort()
        driver.step()
    driver.run()
    assert driver.tokens(A) == alone(one, REPEATING)


def test_without_room_for_guesses_the_next_pass_has_none() -> None:
    driver = _driver(REPEATING)
    driver.submit(spec(1, max_tokens=LONG))
    while not driver.backend.passes or driver.backend.passes[-1][0][1] != 8:
        driver.step()
    driver.backend.n_full = 1
    driver.step()
    driver.step()
    assert [sum(n for _, n in one) for one in driver.backend.passes[-2:]] == [8, 1]
    driver.run()
    assert len(driver.tokens(A)) == LONG


def test_a_library_that_fails_on_the_way_breaks_the_sequence() -> None:
    fault = Fault(do="error", when="tokens", count=60)
    driver = _driver(Script(reply=REPEATING.reply, faults=(fault,)))
    driver.submit(spec(1, max_tokens=LONG))
    driver.run()
    assert broken(driver, A).code == "model_error"
    assert driver.backend.length(0) == 0


def test_an_answer_goes_on_where_another_worker_left_it() -> None:
    one = spec(1, max_tokens=LONG)
    whole = alone(one, WAVERING)
    for n_emitted in (1, 50, len(whole) - 1):
        driver = _driver(WAVERING)
        driver.submit(one._replace(emitted=tuple(whole[:n_emitted])))
        driver.run()
        assert driver.tokens(A) == whole[n_emitted:]


@pytest.mark.parametrize("truncation", ["within_window", "never"])
def test_models_that_cannot_take_back_do_not_guess(truncation: str) -> None:
    script = Script(reply=REPEATING.reply, truncation=truncation, window=64)  # type: ignore[arg-type]  # a literal's values
    driver = _driver(script)
    driver.submit(spec(1, max_tokens=60))
    driver.run()
    assert ended(driver, A).timings.drafted_tokens == 0


def _cpu_ms(n_rows: int) -> float:
    """Two cores: up to 16 rows cost what engine benchmarks show, more what tiles cost."""
    table = [1.0, 2.2, 2.7, 3.5, 4.0, 4.6, 5.5, 6.5, 6.7, 6.9, 7.2, 7.2, 7.3, 7.4, 7.4, 7.0]
    return 8 * (table[n_rows - 1] if n_rows <= 16 else 7.0 * n_rows / 16)


def _gpu_ms(n_rows: int) -> float:
    return 5.0 + 0.05 * n_rows


def _run_s(
    script: Script, speculation: Speculation, cost: Callable[[int], float], *specs: SequenceSpec
) -> tuple[float, Driver]:
    """How long the sequences take on a machine where passes cost that."""
    driver = Driver(script, n_ctx=8192, n_batch=512, speculation=speculation)
    backend, clock = driver.backend, driver.clock
    backend.during_pass = lambda: clock.advance(cost(sum(n for _, n in backend.passes[-1])) / 1000)
    driver.submit(*specs)
    driver.run(at_most=20_000)
    return clock.monotonic_s(), driver


@pytest.mark.parametrize("cost", [_cpu_ms, _gpu_ms])
@pytest.mark.parametrize("repeats", [0, 4, 6, 7, 8])
def test_whatever_the_text_auto_is_never_slower(repeats: int, cost: Callable[[int], float]) -> None:
    script = Script(reply=Babble(mean_tokens=10**9, repeats=repeats))
    one = spec(1, max_tokens=1500)
    off_s, off = _run_s(script, "off", cost, one)
    auto_s, auto = _run_s(script, "auto", cost, one)
    assert auto.tokens(A) == off.tokens(A)
    assert auto_s <= 1.02 * off_s


@pytest.mark.parametrize("cost", [_cpu_ms, _gpu_ms])
def test_where_it_pays_auto_is_faster(cost: Callable[[int], float]) -> None:
    specs = spec(1, max_tokens=1000), spec(2, "another one", max_tokens=1000)
    off_s, off = _run_s(REPEATING, "off", cost, *specs)
    auto_s, auto = _run_s(REPEATING, "auto", cost, *specs)
    assert [auto.tokens(A), auto.tokens(B)] == [off.tokens(A), off.tokens(B)]
    assert auto_s < 0.7 * off_s
