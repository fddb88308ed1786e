"""The search finds what is planted, leaves out what cannot be used, and tells what it gained."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from benchmarks.latencies import Server, run
from velocity_local.lens.compare import Verdict
from velocity_local.lens.optimize.goals import BadGoal, parse_goal, score
from velocity_local.lens.optimize.knobs import (
    BadKnob,
    Knob,
    Value,
    check_distinct,
    default_knobs,
    flags,
    n_settings,
    parse_knob,
)
from velocity_local.lens.optimize.search import Trial, Unusable, confirm, search
from velocity_local.lens.results import CheckOutcome, RunResult

STEADY = Server(between_runs=0.0, drift=0.0)
KNOBS = (
    Knob("engine.n_batch", (128, 256, 512, 1024, 2048)),
    Knob("engine.n_threads", (1, 2, 4, 8)),
    Knob("engine.kv_type", ("f16", "q8_0", "f32")),
)
GOAL = parse_goal(["ttft_ms:p50", "itl_ms:p50"])
BATCHES = {128: 1.3, 256: 1.1, 512: 1.0, 1024: 0.9, 2048: 1.2}
THREADS = {1: 1.5, 2: 1.0, 4: 0.8, 8: 1.1}


class Daemon:
    """Answers as fast as its settings say; the best are batches of 1024 on 4 threads."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, Value], int]] = []

    def __call__(self, chosen: Mapping[str, Value], *, seed: int) -> RunResult:
        self.asked.append((dict(chosen), seed))
        if chosen.get("engine.kv_type") == "f32":
            raise Unusable("the model does not fit")
        slowdown = BATCHES[_int(chosen, "engine.n_batch", 512)]
        slowdown *= THREADS[_int(chosen, "engine.n_threads", 2)]
        server = replace(STEADY, slowdown=slowdown)
        return run(len(self.asked), server, n_requests=60, n_tokens=12)


def _int(chosen: Mapping[str, Value], name: str, own: int) -> int:
    value = chosen.get(name, own)
    assert isinstance(value, int)
    return value


def test_it_finds_settings_near_the_best_in_a_third_of_the_trials() -> None:
    seen: list[Trial] = []
    found = search(Daemon(), KNOBS, GOAL, n_trials=20, seed=1, on_trial=seen.append)
    assert n_settings(KNOBS) == 60
    assert len(found.trials) == 20
    assert list(found.trials) == seen
    assert found.best is not None
    assert found.best.score is not None
    assert found.best.score < -0.2  # the best there is: log(0.9 * 0.8) = -0.33
    assert found.best.chosen["engine.n_threads"] == 4


def test_the_first_run_is_of_the_daemons_own_settings() -> None:
    daemon = Daemon()
    search(daemon, KNOBS, GOAL, n_trials=2, seed=5)
    assert daemon.asked[0] == ({}, 5)
    assert {seed for _, seed in daemon.asked} == {5}


def test_settings_that_cannot_be_used_are_told_and_not_chosen() -> None:
    found = search(Daemon(), KNOBS, GOAL, n_trials=30, seed=2)
    refused = [trial for trial in found.trials if trial.chosen["engine.kv_type"] == "f32"]
    assert refused
    assert {(trial.score, trial.why_not) for trial in refused} == {(None, "the model does not fit")}


def test_every_setting_is_measured_once_and_then_it_ends() -> None:
    daemon = Daemon()
    knobs = (Knob("engine.n_threads", (1, 2, 4)),)
    found = search(daemon, knobs, GOAL, n_trials=50)
    assert len(found.trials) == 3
    assert len(daemon.asked) == 4


def test_nothing_better_is_no_best() -> None:
    found = search(Daemon(), (Knob("engine.n_threads", (1, 8)),), GOAL, n_trials=5)
    assert found.best is None


@pytest.mark.parametrize("fault", ["void_reason", "partial_reason"])
def test_a_reference_that_cannot_be_used_ends_the_search(fault: str) -> None:
    def measure(chosen: Mapping[str, Value], *, seed: int) -> RunResult:
        return msgspec.structs.replace(run(seed), **{fault: "busy"})

    with pytest.raises(Unusable, match=r"with its own settings: the run is .*busy"):
        search(measure, KNOBS, GOAL, n_trials=3)


def test_fast_and_wrong_is_ruled_out() -> None:
    def measure(chosen: Mapping[str, Value], *, seed: int) -> RunResult:
        made = run(seed, replace(STEADY, slowdown=0.5 if chosen else 1.0), n_requests=40)
        if not chosen:
            return made
        wrong = tuple(msgspec.structs.replace(r, check=CheckOutcome.FAILED) for r in made.records)
        return msgspec.structs.replace(made, records=wrong, n_wrong=40)

    found = search(measure, (Knob("engine.kv_type", ("q8_0",)),), GOAL, n_trials=1)
    assert found.best is None
    assert found.trials[0].why_not == "40 answers failed their check"


def test_the_confirmation_takes_turns_on_other_prompts() -> None:
    daemon = Daemon()
    best = {"engine.n_threads": 4}
    section, own, tuned = confirm(daemon, best, GOAL, n_runs=3, seed=100)
    assert daemon.asked == [
        ({}, 100), (best, 100), (best, 101), ({}, 101), ({}, 102), (best, 102),
    ]  # fmt: skip
    assert (len(own), len(tuned)) == (3, 3)
    assert {row.verdict for row in section.rows} == {Verdict.BETTER}
    for row in section.rows:
        assert row.change_low is not None
        assert row.change_high is not None
        assert row.change_low < -0.2 < row.change_high + 0.03


def test_a_confirmation_that_fails_says_so() -> None:
    with pytest.raises(Unusable, match="does not fit"):
        confirm(Daemon(), {"engine.kv_type": "f32"}, GOAL, n_runs=1, seed=1)


def test_the_score_is_the_weighted_ratio_to_the_reference() -> None:
    reference = run(1, STEADY)
    halved = run(1, replace(STEADY, slowdown=0.5, pause_share=0.0))
    plain = run(1, replace(STEADY, pause_share=0.0))
    assert score(GOAL, reference, reference) == 0
    assert score(parse_goal(["itl_ms:p50*3"]), halved, plain) == pytest.approx(-0.693, abs=0.02)
    rate = parse_goal(["output_tokens_per_s"])
    assert score(rate, halved, plain) == pytest.approx(-0.693, abs=0.02)
    assert score(parse_goal(["queue_ms"]), halved, plain) is None


@pytest.mark.parametrize("text", ["", "speed", "ttft_ms:p50*0", "ttft_ms*x", "*2"])
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(BadGoal):
        parse_goal([text])


def test_a_goal_is_needed() -> None:
    with pytest.raises(BadGoal, match="no goal"):
        parse_goal([])


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("engine.n_batch=128, 256", (128, 256)),
        ("engine.speculation=off,on", ("off", "on")),
        ("engine.n_threads=null,4", (None, 4)),
        ("engine.flash_attention=true,false", (True, False)),
    ],
)
def test_a_knob_is_a_setting_with_its_values(text: str, choices: tuple[Value, ...]) -> None:
    assert parse_knob(text) == Knob(text.partition("=")[0], choices)


@pytest.mark.parametrize("text", ["", "engine.n_batch", "n_batch=1", "engine.n_batch=", "a.b=1,1"])
def test_what_is_no_knob_is_refused(text: str) -> None:
    with pytest.raises(BadKnob):
        parse_knob(text)


def test_a_setting_that_is_given_twice_is_refused() -> None:
    with pytest.raises(BadKnob, match=r"engine\.n_batch is given twice"):
        check_distinct([KNOBS[0], KNOBS[1], KNOBS[0]])


def test_chosen_settings_are_flags_of_the_daemon() -> None:
    assert flags({"engine.n_threads": None, "engine.kv_type": "f16", "engine.x": True}) == [
        "--set", "engine.n_threads=null", "--set", "engine.kv_type=f16", "--set", "engine.x=true",
    ]  # fmt: skip


@pytest.mark.parametrize("n_cores", [1, 2, 16])
def test_the_default_knobs_are_of_this_machine(n_cores: int) -> None:
    (threads,) = (knob for knob in default_knobs(n_cores) if knob.setting == "engine.n_threads")
    assert all(isinstance(n, int) and 1 <= n <= n_cores for n in threads.choices)
    assert len(set(threads.choices)) == len(threads.choices)
