"""The gate: fails what is shown to be slower, lets chance pass, and never decides on nothing."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from benchmarks.latencies import Server, run
from velocity_local.lens.compare import Incomparable
from velocity_local.lens.gate import Check, Gate, Outcome, judge
from velocity_local.lens.results import CacheState, Environment, ItlKind, Load, LoadKind, RunResult
from velocity_local.lens.rules import parse_rules

STEADY = Server(between_runs=0.0, drift=0.0)
BASE = run(1, STEADY)
SAME = run(2, STEADY)
SLOWER = run(3, replace(STEADY, slowdown=1.25))


def gate(
    after: RunResult, *rules: str, before: Sequence[RunResult] = (BASE,), **more: bool
) -> Gate:
    return judge([after], before, rules=parse_rules(rules), **more)


def only(found: Gate) -> Check:
    (check,) = found.checks
    return check


def test_the_same_build_passes_at_the_defaults() -> None:
    found = judge([SAME], [BASE])
    assert found.is_passed
    assert {check.outcome for check in found.checks} <= {Outcome.PASSED, Outcome.UNDECIDED}


def test_one_run_on_each_side_is_told_and_several_are_not() -> None:
    single = judge([SAME], [BASE])
    assert any("one run on each side" in note for note in single.notes)
    assert judge([SAME, SLOWER], [BASE]).notes == ()


def test_runs_that_differ_much_fail_alone_and_not_together() -> None:
    rules = parse_rules(["itl_ms:p50 <= +4%"])
    shaky = [
        run(seed, Server(between_runs=0.15, drift=0.0), n_requests=50, n_tokens=8)
        for seed in range(60)
    ]
    groups = [shaky[start : start + 3] for start in range(0, 60, 3)]
    pairs = list(zip(groups[::2], groups[1::2], strict=True))
    alone = [judge(b[:1], a[:1], rules=rules).is_passed for a, b in pairs]
    together = [judge(b, a, rules=rules).is_passed for a, b in pairs]
    assert alone.count(False) >= 3
    assert together.count(False) <= 1


def test_a_slower_build_fails_and_the_check_says_by_how_much() -> None:
    found = gate(SLOWER, "itl_ms:p50 <= +5%")
    check = only(found)
    assert not found.is_passed
    assert check.outcome is Outcome.FAILED
    assert check.worse == pytest.approx(0.25, abs=0.05)
    assert check.worse is not None
    assert check.worse_at_least is not None
    assert 0.05 < check.worse_at_least < check.worse
    assert "% worse, at least " in check.message


def test_a_rate_that_falls_fails_too() -> None:
    check = only(gate(SLOWER, "output_tokens_per_s >= -5%"))
    assert check.outcome is Outcome.FAILED
    assert check.worse == pytest.approx(0.2, abs=0.05)


def test_a_slowdown_within_the_rule_passes() -> None:
    assert gate(SLOWER, "itl_ms:p50 <= +40%").is_passed


def test_absolute_changes_are_in_the_metrics_unit() -> None:
    assert not gate(SLOWER, "itl_ms:p50 <= +2").is_passed
    assert gate(SLOWER, "itl_ms:p50 <= +8").is_passed


def test_a_change_that_chance_explains_passes() -> None:
    few = run(4, replace(STEADY, per_request=0.8), n_requests=24)
    slower = run(5, replace(STEADY, per_request=0.8, slowdown=1.3), n_requests=24)
    check = only(gate(slower, "ttft_ms:p50 <= +1%", before=[few]))
    assert check.worse is not None
    assert check.worse > 0.01
    assert check.outcome is Outcome.PASSED


def test_limits_need_no_baseline() -> None:
    assert gate(BASE, "ttft_ms:p50 <= 400", "error_share <= 0.01", before=[]).is_passed
    check = only(gate(BASE, "ttft_ms:p50 <= 100", before=[]))
    assert check.outcome is Outcome.FAILED
    assert "limit 100" in check.message


def test_a_tail_nobody_could_see_is_undecided() -> None:
    found = gate(SLOWER, "ttft_ms:p99.9 <= +1%", "ttft_ms:p50 <= +90%")
    assert [check.outcome for check in found.checks] == [Outcome.UNDECIDED, Outcome.PASSED]
    assert found.is_passed
    assert not gate(SLOWER, "ttft_ms:p99.9 <= +1%", "ttft_ms:p50 <= +90%", is_strict=True).is_passed


def test_nothing_decided_is_an_error_and_no_pass() -> None:
    with pytest.raises(Incomparable, match=r"no rule could be decided.*too few"):
        gate(SLOWER, "ttft_ms:p99.9 <= +1%")
    with pytest.raises(Incomparable, match="not measured on both sides"):
        gate(BASE, "queue_ms <= +5%")
    with pytest.raises(Incomparable, match="not measured on both sides"):
        gate(BASE, "ttft_ms <= +5%", before=[])


def test_a_baseline_of_another_cache_state_is_none() -> None:
    warm = msgspec.structs.replace(BASE, cache_state=CacheState.WARM)
    with pytest.raises(Incomparable, match=r"the baseline has no run with: .*cache cold"):
        gate(SAME, "ttft_ms <= +5%", before=[warm])


def test_each_condition_is_judged_by_its_own_baseline() -> None:
    load = Load(kind=LoadKind.CONCURRENCY, concurrency=8)
    heavy = msgspec.structs.replace(SLOWER, load=load)
    found = judge([SAME, heavy], [BASE, heavy], rules=parse_rules(["itl_ms <= +5%"]))
    assert found.is_passed
    assert len(found.checks) == 2


def test_other_answers_fail_though_they_come_faster() -> None:
    faster = run(3, replace(STEADY, slowdown=0.8))
    wrong = tuple(msgspec.structs.replace(r, output_digest="e" * 64) for r in faster.records)
    found = gate(msgspec.structs.replace(faster, records=wrong), "ttft_ms <= +5%")
    assert not found.is_passed
    assert len(found.answers.changed) == 16


def test_strictness_wants_the_same_machine() -> None:
    other = Environment(machine={"cpu": "other"}, server={"version": "1"})
    moved = msgspec.structs.replace(SAME, environment=other)
    assert gate(moved, "ttft_ms <= +50%").is_passed
    assert gate(moved, "ttft_ms <= +50%").differences[0].name == "machine.cpu"
    assert not gate(moved, "ttft_ms <= +50%", is_strict=True).is_passed


def test_another_server_is_what_a_gate_is_for() -> None:
    newer = Environment(machine={"cpu": "simulated"}, server={"version": "2"})
    built = msgspec.structs.replace(SAME, environment=newer)
    found = gate(built, "ttft_ms <= +50%", is_strict=True)
    assert found.is_passed
    assert [one.name for one in found.differences] == ["server.version"]


def test_token_and_chunk_times_are_undecided() -> None:
    chunked = msgspec.structs.replace(SAME, itl_kind=ItlKind.CHUNK)
    found = gate(chunked, "itl_ms <= +5%", "ttft_ms <= +50%")
    assert found.checks[0].outcome is Outcome.UNDECIDED


def test_a_void_run_is_not_judged() -> None:
    with pytest.raises(Incomparable, match="void"):
        gate(msgspec.structs.replace(SAME, void_reason="busy"), "ttft_ms <= 5")


def without_answers(made: RunResult) -> RunResult:
    return msgspec.structs.replace(
        made, n_errors={"http_status": made.n_requests}, histograms={}, slices=(), records=()
    )


def test_a_run_without_an_answer_fails_whatever_the_rules_are() -> None:
    found = gate(without_answers(SAME), "ttft_ms <= +5%")
    assert not found.is_passed
    assert found.checks[0].rule == "requests are answered"
    assert f"http_status: {SAME.n_requests}" in found.checks[0].message


def test_a_baseline_without_an_answer_measured_nothing_to_compare_with() -> None:
    nothing = without_answers(BASE)
    with pytest.raises(Incomparable, match="got no answer"):
        judge([nothing], [nothing])
    with pytest.raises(Incomparable, match="got no answer"):
        judge([SAME], [nothing])
