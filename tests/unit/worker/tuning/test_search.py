"""A search over the fake backend, whose pace depends on its options and whose time is ours."""

from collections.abc import Callable

import pytest

from velocity_local.core.clock import ManualClock
from velocity_local.core.models import LoadOptions
from velocity_local.core.tuning import TunedValues, TuneKey, TunePlan, TuneResult, TuneStatus
from velocity_local.worker.backends.fake.model import FakeBackend
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.backend import BackendError
from velocity_local.worker.tuning.candidates import Machine, candidates
from velocity_local.worker.tuning.search import MAX_ROUNDS, Search
from velocity_local.worker.tuning.verdict import MIN_ROUNDS

MACHINE = Machine(physical_cores=2, logical_cores=4, n_threads=2)
ALL: tuple[TuneKey, ...] = ("n_threads", "n_batch", "flash_attention")
Noise = Callable[[int], float]


class FakeTime:
    """A bench whose passes take time of a clock, times `noise` of the number of the pass."""

    def __init__(self, pace: dict[str, dict[str, float]], noise: Noise = lambda _: 1.0) -> None:
        self.clock = ManualClock()
        self.opened: list[LoadOptions] = []
        self.n_open = 0
        self._noise = noise
        self._passes = 0
        self._script = Script(
            reply=Babble(mean_tokens=10**9), step_delay_s=0.01, token_delay_s=0.001, pace=pace
        )

    def open(self, options: LoadOptions) -> FakeBackend:
        assert self.n_open == 0, "two at once would need the memory of both"
        backend = FakeBackend(self._script, options, wait=self._wait)
        self.opened.append(options)
        self.n_open += 1
        return _Closing(backend, self)

    def close(self) -> None:
        assert self.n_open == 0

    def _wait(self, delay_s: float) -> bool:
        self._passes += 1
        self.clock.advance(delay_s * self._noise(self._passes))
        return False


def _Closing(backend: FakeBackend, bench: FakeTime) -> FakeBackend:  # noqa: N802 - reads as a class
    close = backend.close

    def closed() -> None:
        bench.n_open -= 1
        close()

    backend.close = closed  # type: ignore[method-assign] # counted
    return backend


def found(
    bench: FakeTime,
    *,
    keys: tuple[TuneKey, ...] = ALL,
    budget_s: float = 10_000.0,
    statuses: list[TuneStatus] | None = None,
    options: LoadOptions | None = None,
) -> TuneResult:
    plan = TunePlan(options or LoadOptions(backend="fake"), keys, budget_s)
    report = (statuses if statuses is not None else []).append
    return Search(bench, plan, MACHINE, clock=bench.clock, report=report).run()


def test_what_is_faster_is_found_option_by_option() -> None:
    bench = FakeTime({"n_threads": {"4": 0.7, "1": 1.5}, "flash_attention": {"false": 0.8}})
    result = found(bench)
    assert result.values == TunedValues(n_threads=4, flash_attention=False)
    assert result.cost == pytest.approx(0.56)
    assert result.unmeasured == ()
    chosen = [(step.key, step.value) for step in result.steps if step.is_better]
    assert ("n_threads", 4) in chosen
    assert ("flash_attention", False) in chosen


def test_with_nothing_to_gain_nothing_is_changed() -> None:
    result = found(FakeTime({}))
    assert result.values == TunedValues()
    assert result.cost == 1.0
    assert not [step for step in result.steps if step.is_better]


def test_noise_is_no_gain() -> None:
    """Each trial takes from 0.8 to 1.2 of its time, whatever its options."""
    jitter = [0.8, 1.2, 1.0, 0.9, 1.1, 0.95, 1.15, 0.85]
    bench = FakeTime({}, noise=lambda number: jitter[(number // 31) % len(jitter)])
    assert found(bench).values == TunedValues()


def test_a_gain_is_seen_through_a_machine_that_slows_down() -> None:
    bench = FakeTime({"n_threads": {"4": 0.8}}, noise=lambda number: 1 + number / 2000)
    assert found(bench, keys=("n_threads",)).values == TunedValues(n_threads=4)


def test_gains_that_do_not_add_up_are_none() -> None:
    """What looked faster is slower when it is measured again at the end."""
    pace = {"n_threads": {"4": 0.7}}
    rehearsal = FakeTime(pace)
    found(rehearsal, keys=("n_threads",))
    n_decided = len(rehearsal.opened) - 2 * MIN_ROUNDS

    def turning(_: int) -> float:
        is_last_look = len(bench.opened) > n_decided
        return 2.0 if is_last_look and bench.opened[-1].n_threads == 4 else 1.0

    bench = FakeTime(pace, noise=turning)
    result = found(bench, keys=("n_threads",))
    assert any(step.is_better for step in result.steps)
    assert (result.values, result.cost) == (TunedValues(), 1.0)


def test_what_the_engine_refuses_is_told_and_passed_over() -> None:
    bench = FakeTime({"n_threads": {"1": 0.0, "4": 0.8}})
    result = found(bench, keys=("n_threads",))
    (refused,) = [step for step in result.steps if step.problem]
    assert (refused.value, refused.cost, refused.is_better) == (1, None, False)
    assert result.values == TunedValues(n_threads=4)


def test_a_model_that_cannot_run_at_all_is_an_error() -> None:
    bench = FakeTime({"n_threads": {"null": 0.0}})
    with pytest.raises(BackendError, match="cannot be null"):
        found(bench)


def test_without_time_for_an_option_it_stays_as_it_is() -> None:
    statuses: list[TuneStatus] = []
    bench = FakeTime({"flash_attention": {"false": 0.5}})
    result = found(bench, budget_s=1.0, statuses=statuses)
    assert set(result.unmeasured) <= set(ALL)
    assert "flash_attention" in result.unmeasured
    assert result.values == TunedValues()


def test_the_budget_is_kept() -> None:
    bench = FakeTime({"n_threads": {"4": 0.9}})
    result = found(bench, budget_s=120.0)
    assert result.seconds < 1.3 * 120


def test_what_is_hopeless_is_not_tried_to_the_end() -> None:
    bench = FakeTime({"n_threads": {"1": 3.0, "4": 0.97}})
    result = found(bench, keys=("n_threads",))
    rounds = {step.value: step.rounds for step in result.steps}
    assert rounds[1] == 2
    assert rounds[4] == MAX_ROUNDS


def test_progress_only_grows_and_tells_what_is_done() -> None:
    statuses: list[TuneStatus] = []
    found(FakeTime({}), budget_s=120.0, statuses=statuses)
    shares = [status.share for status in statuses]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1
    assert any("n_threads 4, round 2" in status.doing for status in statuses)
    assert len(statuses[-1].steps) > 0


def test_quality_is_not_touched_unless_it_is_asked_for() -> None:
    bench = FakeTime({"kv_type": {"q8_0": 0.5}})
    assert found(bench).values == TunedValues()
    assert {options.kv_type for options in bench.opened} == {None}
    assert found(FakeTime({"kv_type": {"q8_0": 0.5}}), keys=("kv_type",)).values == TunedValues(
        kv_type="q8_0"
    )


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(2, 2, 2), [1]),
        (Machine(2, 4, 2), [4, 3, 1]),
        (Machine(8, 16, 8), [16, 12, 7, 4]),
        (Machine(1, 1, 1), []),
    ],
)
def test_threads_worth_trying(machine: Machine, expected: list[int]) -> None:
    assert candidates("n_threads", LoadOptions(), machine, 512) == expected


def test_a_pass_is_not_larger_than_the_prompt() -> None:
    assert candidates("n_batch", LoadOptions(), MACHINE, 600) == [128, 256]
    assert candidates("n_batch", LoadOptions(), MACHINE, 2048) == [128, 256, 1024, 2048]


def test_a_quantized_cache_needs_fused_attention() -> None:
    assert candidates("kv_type", LoadOptions(), MACHINE, 512) == ["q8_0"]
    assert candidates("kv_type", LoadOptions(flash_attention=False), MACHINE, 512) == []
