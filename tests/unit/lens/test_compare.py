"""Comparisons: what may be set side by side, and what is said of the difference."""

from dataclasses import replace

import msgspec
import pytest

from benchmarks.latencies import Server, run
from velocity_local.lens.changes import change, run_noise
from velocity_local.lens.compare import Comparison, Incomparable, Row, Verdict, compare
from velocity_local.lens.quantities import parse, table
from velocity_local.lens.results import (
    CacheState,
    Environment,
    Fact,
    ItlKind,
    Load,
    LoadKind,
    RunResult,
)

FEW = table("ttft_ms:p50", "itl_ms:p50", "total_output_tokens_per_s", "ttft_ms:p99")
STEADY = Server(between_runs=0.0, drift=0.0)
BASE = run(1, STEADY)


def row(comparison: Comparison, name: str) -> Row:
    (found,) = (r for r in comparison.sections[0].rows if r.quantity == parse(name))
    return found


def changed(given: RunResult, **fields: object) -> RunResult:
    return msgspec.structs.replace(given, **fields)


def test_two_runs_of_one_server_are_not_distinguishable() -> None:
    found = compare([BASE], [run(2, STEADY)], quantities=FEW)
    assert row(found, "ttft_ms:p50").verdict is Verdict.SAME
    assert row(found, "itl_ms:p50").verdict is Verdict.SAME
    assert row(found, "ttft_ms:p99").verdict is Verdict.TOO_FEW


def test_a_slower_server_is_worse_by_about_as_much() -> None:
    found = compare([BASE], [run(2, replace(STEADY, slowdown=1.2))], quantities=FEW)
    slower = row(found, "itl_ms:p50")
    assert slower.verdict is Verdict.WORSE
    assert slower.change == pytest.approx(0.2, abs=0.05)
    assert slower.change_low is not None
    assert slower.change_high is not None
    assert slower.change_low < 0.2 < slower.change_high
    assert row(found, "total_output_tokens_per_s").change == pytest.approx(-1 / 6, abs=0.05)


def test_a_faster_server_is_better_and_higher_rates_too() -> None:
    quantities = table("ttft_ms:p50", "output_tokens_per_s:p50")
    found = compare([BASE], [run(2, replace(STEADY, slowdown=0.8))], quantities=quantities)
    assert {r.verdict for r in found.sections[0].rows} == {Verdict.BETTER}


def test_the_same_runs_on_both_sides_do_not_differ() -> None:
    found = compare([BASE], [BASE])
    assert {r.verdict for r in found.sections[0].rows} <= {Verdict.SAME}
    assert all(r.change in {0.0, None} for r in found.sections[0].rows)


def test_cache_states_never_meet() -> None:
    warm = changed(BASE, cache_state=CacheState.WARM)
    with pytest.raises(Incomparable, match=r"cache cold.*cache warm"):
        compare([BASE], [warm])
    both = compare([BASE, warm], [changed(warm, id="b")], quantities=FEW[:1])
    assert [s.condition.cache_state for s in both.sections] == [CacheState.WARM]
    assert [c.cache_state for c in both.only_before] == [CacheState.COLD]


@pytest.mark.parametrize(
    "load",
    [Load(kind=LoadKind.POISSON, rate_per_s=2), Load(kind=LoadKind.CONCURRENCY, concurrency=8)],
)
def test_loads_never_meet(load: Load) -> None:
    with pytest.raises(Incomparable, match="no condition is on both sides"):
        compare([BASE], [changed(BASE, load=load)])


def test_times_between_tokens_and_between_chunks_are_not_compared() -> None:
    found = compare([BASE], [changed(BASE, itl_kind=ItlKind.CHUNK)], quantities=FEW)
    assert "itl_ms is between tokens on one side and between chunks" in found.sections[0].notes[-1]
    assert all(r.quantity.metric.value != "itl_ms" for r in found.sections[0].rows)


def test_a_void_run_is_refused_with_its_reason() -> None:
    with pytest.raises(Incomparable, match=r"run-1 is void \(the client was slow\)"):
        compare([changed(BASE, void_reason="the client was slow")], [BASE])


def test_a_partial_run_is_told() -> None:
    found = compare([BASE], [changed(BASE, partial_reason="Ctrl-C")], quantities=FEW[:1])
    assert found.sections[0].notes[0] == "run run-1 is partial: Ctrl-C"


def test_environment_differences_are_listed() -> None:
    server: dict[str, Fact] = {"version": "1", "build": 7, "engine.load_ms": 36.1}
    other = Environment(machine={"cpu": "other"}, server=server)
    after = changed(BASE, environment=other, model="other", labels={"branch": "x"})
    section = compare([BASE], [after], quantities=FEW[:1]).sections[0]
    assert [(d.name, d.before, d.after) for d in section.differences] == [
        ("label.branch", (None,), ("x",)),
        ("machine.cpu", ("simulated",), ("other",)),
        ("model", ("demo",), ("other",)),
        ("server.build", (None,), (7,)),
    ]


def test_other_answers_to_the_same_prompts_are_told() -> None:
    records = tuple(
        msgspec.structs.replace(r, output_digest="f" * 64) if r.prompt_id in {"p3", "p5"} else r
        for r in BASE.records
    )
    after = changed(BASE, records=records)
    answers = compare([BASE], [after], quantities=FEW[:1]).sections[0].answers
    assert (answers.n_compared, answers.changed) == (16, ("p3", "p5"))


def test_a_prompt_whose_answers_vary_says_nothing() -> None:
    records = tuple(
        msgspec.structs.replace(r, output_digest=f"{r.index:064x}") for r in BASE.records
    )
    varied = changed(BASE, records=records)
    assert compare([varied], [BASE], quantities=FEW[:1]).sections[0].answers.n_compared == 0


def test_errors_that_appear_are_worse_though_there_were_none() -> None:
    failing = run(2, replace(STEADY, error_share=0.3))
    (found,) = compare([BASE], [failing], quantities=table("error_share")).sections[0].rows
    assert found.verdict is Verdict.WORSE
    assert found.change is None


def test_runs_that_differ_among_themselves_widen_the_interval() -> None:
    shaky = Server(between_runs=0.06, drift=0.0)
    quantity = parse("itl_ms:p50")
    before = [run(seed, shaky) for seed in range(5)]
    after = [run(seed, shaky) for seed in range(10, 15)]
    noise = run_noise((before, after), quantity)
    assert noise is not None
    assert noise.share == pytest.approx(0.06, abs=0.03)
    assert noise.freedom == 8
    wide, narrow = change(before, after, quantity), change(before[:1], after[:1], quantity)
    assert wide is not None
    assert narrow is not None
    assert narrow.run_noise is None
    assert _width(wide.interval()) > 1.5 * _width(narrow.interval())


def _width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def test_runs_that_only_differ_by_chance_add_no_noise() -> None:
    runs = [run(seed, STEADY) for seed in range(4)]
    noise = run_noise((runs[:2], runs[2:]), parse("ttft_ms:p50"))
    assert noise is not None
    assert noise.share < 0.02


def test_few_runs_know_their_noise_less_than_many() -> None:
    shaky = Server(between_runs=0.06, drift=0.0)
    runs = [run(seed, shaky) for seed in range(12)]
    quantity = parse("itl_ms:p50")
    few, many = change(runs[:2], runs[6:8], quantity), change(runs[:6], runs[6:], quantity)
    assert few is not None
    assert many is not None
    assert few.run_noise is not None
    assert many.run_noise is not None
    few_width, many_width = _width(few.interval()), _width(many.interval())
    assert few_width / few.run_noise > 1.8 * many_width / many.run_noise
