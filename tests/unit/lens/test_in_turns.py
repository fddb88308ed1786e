"""Two servers asked in turns over real sockets: who is asked when, and what the results say."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from tests.support.chat_server import HELLO, Answers, Served, serving
from tests.support.wire_server import Close, Step, json_answer
from tests.unit.lens.running import LENS, scenario
from velocity_local.lens.api import Lens
from velocity_local.lens.errors import BadScenario, LensError
from velocity_local.lens.events import Answered, Event, Listener, Progress
from velocity_local.lens.gate import judge
from velocity_local.lens.loads import Concurrency, Constant, Iterations
from velocity_local.lens.results import Energy, Pairing, RunResult, Side
from velocity_local.lens.scenarios import Target

SLOW_S = 0.03


def named(name: str, told: list[str], answers: Answers = lambda _: HELLO) -> Answers:
    """Writes down who was asked."""

    def answer(number: int) -> Sequence[Step]:
        told.append(name)
        return answers(number)

    return answer


def slow(_: int) -> Sequence[Step]:
    time.sleep(SLOW_S)
    return HELLO


def in_turns(
    first: Served, second: Served, *, heard: Listener | None = None, **more: object
) -> tuple[RunResult, RunResult]:
    return LENS.run_in_turns(scenario(first, **more), scenario(second, **more), on_event=heard)


@contextmanager
def two(before: Answers, after: Answers) -> Iterator[tuple[Served, Served]]:
    with serving(before) as first, serving(after) as second:
        yield first, second


def test_servers_are_asked_in_turns_and_none_is_always_first() -> None:
    told: list[str] = []
    with two(named("b", told), named("a", told)) as (first, second):
        load = Iterations(requests=4)
        before, after = in_turns(first, second, load=load)
    assert "".join(told) == "baabbaab"
    assert (before.n_requests, after.n_requests) == (4, 4)


def test_a_round_has_a_request_of_each_stream() -> None:
    told: list[str] = []
    with two(named("b", told), named("a", told)) as (first, second):
        load = Concurrency(streams=3, requests=8)
        before, after = in_turns(first, second, load=load)
    assert "".join(told) == "bbbaaa" + "aaabbb" + "bbaa"
    assert (before.n_requests, after.n_requests) == (8, 8)
    assert before.load.concurrency == 3


def test_results_know_that_they_belong_together() -> None:
    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        before, after = in_turns(first, second)
    assert before.pairing is not None
    assert before.pairing.side is Side.BEFORE
    assert after.pairing == Pairing(before.pairing.id, Side.AFTER)
    assert before.id != after.id


def test_ones_clock_stands_still_while_the_other_is_asked() -> None:
    with two(slow, lambda _: HELLO) as (first, second):
        load = Iterations(requests=10)
        before, after = in_turns(first, second, load=load)
    assert before.duration_s >= 10 * SLOW_S
    assert after.duration_s < before.duration_s / 2
    ends = [record.sent_s + (record.e2e_ms or 0) / 1000 for record in after.records]
    starts = [record.start_s for record in after.records]
    gaps = [start - end for end, start in zip(ends, starts[1:], strict=False)]
    assert min(gaps) >= 0
    assert sum(gaps) < before.duration_s / 2, gaps


def test_the_slower_of_two_fails_the_gate() -> None:
    with two(lambda _: HELLO, slow) as (first, second):
        load = Iterations(requests=30)
        made = in_turns(first, second, load=load)
    before, after = (replace(run, void_reason=None) for run in made)  # however busy the tests are
    found = judge([after], [before])
    assert not found.is_passed
    assert {check.rule for check in found.checks if check.outcome == "failed"} >= {
        "ttft_ms:p50 <= +4%",
        "total_output_tokens_per_s:mean >= -4%",
    }
    assert judge([before], [after]).is_passed


def test_a_time_is_that_of_each_side() -> None:
    with two(slow, slow) as (first, second):
        load = Concurrency(streams=1, duration_s=0.3)
        before, after = in_turns(first, second, load=load)
    for run in (before, after):
        assert run.duration_s >= 0.3
        late = [record for record in run.records if record.intended_start_s >= 0.3]
        assert len(late) <= 1, "it may have looked at the time just before"
        assert run.partial_reason is None


def test_one_that_fails_leaves_the_other_its_figures() -> None:
    with two(lambda _: [Close()], lambda _: HELLO) as (first, second):
        load = Iterations(requests=3)
        before, after = in_turns(first, second, load=load)
    assert (before.n_errors, after.n_errors) == ({"reset": 3}, {})


def test_progress_is_of_the_scenarios_own_server() -> None:
    seen: list[Event] = []
    with two(slow, slow) as (first, second):
        load = Iterations(requests=10)
        _, after = in_turns(first, second, heard=seen.append, load=load)
    answered = [event.record for event in seen if isinstance(event, Answered)]
    assert answered == list(after.records)
    assert any(isinstance(event, Progress) for event in seen)


def test_ctrl_c_ends_both_early_and_keeps_what_they_have() -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, Answered) and event.record.index == 2:
            signal.raise_signal(signal.SIGINT)

    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        load = Iterations(requests=10_000)
        before, after = in_turns(first, second, heard=interrupt, load=load)
    for run in (before, after):
        assert run.partial_reason == "interrupted"
        assert 2 <= run.n_requests < 10_000


def test_requests_at_given_times_cannot_wait() -> None:
    with (
        two(lambda _: HELLO, lambda _: HELLO) as (first, second),
        pytest.raises(BadScenario, match="iterations or concurrency"),
    ):
        in_turns(first, second, load=Constant(rate_per_s=5))


def test_a_side_that_cannot_be_asked_is_told_before_anything_is() -> None:
    with serving(lambda _: HELLO) as served:
        other = Target(provider="openai_compatible", url=served.url)
        with pytest.raises(LensError, match=r"target\.model"):
            LENS.run_in_turns(scenario(served, target=other), scenario(served))
    assert served.n_chats == 0


def test_keys_stay_with_their_server() -> None:
    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        own = Target(provider="openai_compatible", url=second.url, model="m", key_env="NEW")
        old = Target(provider="openai_compatible", url=first.url, model="m", key_env="OLD")
        lens = Lens(environ={"NEW": "sk-new", "OLD": "sk-old"})
        load = Iterations(requests=2)
        lens.run_in_turns(
            scenario(first, target=old, load=load), scenario(second, target=own, load=load)
        )
        sent = [
            {one.headers.get("authorization") for one in served.server.requests}
            for served in (first, second)
        ]
    assert sent == [{"Bearer sk-old"}, {"Bearer sk-new"}]


def test_a_refusal_counts_as_one_turn() -> None:
    told: list[str] = []
    refusal = json_answer('{"error":{"message":"slow"}}', "429 Too Many")
    with two(named("b", told, lambda _: [refusal]), named("a", told)) as (first, second):
        load = Iterations(requests=4)
        before, _ = in_turns(first, second, load=load)
    assert "".join(told) == "baabbaab"
    assert before.n_errors == {"rate_limit": 4}


def test_two_servers_are_asked_the_same() -> None:
    with (
        two(lambda _: HELLO, lambda _: HELLO) as (first, second),
        pytest.raises(BadScenario, match="warmup_requests differs"),
    ):
        LENS.run_in_turns(scenario(first, warmup_requests=1), scenario(second))
    assert first.n_chats == second.n_chats == 0


def test_there_is_room_for_the_connections_of_both(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[int] = []
    monkeypatch.setattr("velocity_local.lens.execution.make_room", wanted.append)
    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        in_turns(first, second, load=Concurrency(streams=3, requests=3))
    assert wanted == [6, 6]


def test_the_machines_energy_is_not_one_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = Energy(joules=5.0, uncertainty_joules=0.1, idle_watts=1.0, method="rapl")
    monkeypatch.setattr("velocity_local.lens.energy.spent", lambda *_, **__: spent)
    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        alone = LENS.run(scenario(first))
        made = in_turns(first, second)
    assert alone.energy == spent
    assert [run.energy for run in made] == [None, None]


def test_labels_are_of_each_side() -> None:
    with two(lambda _: HELLO, lambda _: HELLO) as (first, second):
        old = scenario(first, labels={"server": "old"})
        before, after = LENS.run_in_turns(old, scenario(second, labels={"server": "new"}))
    assert (before.labels, after.labels) == ({"server": "old"}, {"server": "new"})
