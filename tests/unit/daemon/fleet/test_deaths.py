"""Workers that die, and how their requests go on."""

import pytest

from tests.unit.daemon.fleet.stage import IDLE, Stage, serving
from velocity_local.core.events import Delta, Started, ToolCallDelta
from velocity_local.core.requests import EmbeddingRequest, TextPrompt
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.wire.ipc.messages import (
    Embedded,
    Resumed,
    Step,
)


def test_streams_go_on_from_the_next_token_in_a_fresh_worker() -> None:
    stage = serving("a", "b")
    stage.say("a", "hello")
    stage.step(
        (
            "b",
            Delta(0, (7, 8), "", "thinking", (ToolCallDelta(0, "id", "find", '{"a"'),)),
        )
    )
    stage.die()
    assert (stage.state(), stage.restart()) == ("loading", 0.0)
    assert stage.sent() == ["load", "a", "b"]
    assert stage.resumed("a") == (Resumed(0, (104, 101, 108, 108, 111), 5, 0, 0),)
    assert stage.resumed("b") == (Resumed(0, (7, 8), 0, 8, 8),)
    stage.begin("a")
    stage.say("a", " world")
    stage.finish("a")
    a = stage.callers["a"]
    assert a.text == "hello world"
    assert sum(isinstance(event, Started) for event in a.events) == 1
    assert a.ticket is not None
    assert a.ticket.info.resumes == 1


def test_choices_that_are_over_are_not_run_again() -> None:
    stage = Stage()
    stage.ask("a", n=2)
    stage.up()
    stage.say("a", "zero", choice=0)
    stage.say("a", "one", choice=1)
    stage.finish("a", choice=1)
    stage.die()
    stage.restart()
    assert [(r.index, len(r.tokens), r.done) for r in stage.resumed("a")] == [
        (0, 4, False),
        (1, 3, True),
    ]
    stage.finish("a", choice=0)
    assert stage.status().pending == 0


def test_waiting_requests_stay_queued_and_come_after_those_under_way() -> None:
    stage = serving("a")
    stage.say("a", "long enough")
    stage.die()
    stage.ask("c")
    stage.restart()
    stage.ask("d")
    assert stage.sent() == ["load", "a", "c", "d"]


def test_a_request_that_was_not_begun_starts_from_the_beginning() -> None:
    stage = serving("a")
    stage.say("a", "long enough")
    stage.ask("b")
    stage.die()
    stage.restart()
    assert stage.resumed("b") == ()


def test_a_call_is_asked_again() -> None:
    stage = Stage()
    caller = stage.submit("e", EmbeddingRequest(id="e", model="m", inputs=(TextPrompt("x"),)))
    stage.up()
    stage.die()
    stage.restart()
    stage.report(Embedded(caller.handle, (b"1234",), 1))
    assert len(caller.answers) == 1


def test_a_caller_may_leave_while_the_worker_is_down() -> None:
    stage = serving("a", "b")
    stage.say("a", "some text")
    stage.die()
    stage.cancel("a")
    stage.restart()
    assert stage.sent() == ["load", "b"]


def test_an_idle_worker_that_dies_is_replaced() -> None:
    stage = Stage()
    stage.load()
    stage.up()
    stage.die()
    stage.restart()
    assert (stage.state(), stage.status().restarts) == ("ready", 1)


def test_deaths_that_came_to_nothing_are_answered_more_and_more_slowly_and_then_no_more() -> None:
    stage = Stage()
    stage.load()
    delays = []
    for _ in range(4):
        stage.die("SIGABRT")
        delays.append(stage.fire(TimerKind.RESTART))
    late = stage.ask("a")
    stage.die("SIGABRT")
    assert delays == [0.5, 1.0, 2.0, 4.0]
    assert (stage.state(), late.failure, len(stage.spawned())) == ("failed", "model_failed", 5)
    assert "SIGABRT" in late.errors[0].message
    later = stage.ask("later")
    assert later.errors[0].retry_after_s == pytest.approx(600 - sum(delays))


def test_a_failed_model_may_be_tried_again_when_the_window_is_over() -> None:
    stage = Stage()
    stage.load()
    for _ in range(4):
        stage.die()
        stage.fire(TimerKind.RESTART)
    stage.die()
    stage.clock.advance(600.0)
    stage.ask("a")
    stage.up()
    assert stage.sent() == ["load", "a"]


def test_a_worker_that_was_of_use_forgives_what_came_before() -> None:
    stage = serving("a")
    for _ in range(20):
        stage.say("a", "four")
        stage.die()
        assert stage.restart() == 0.0
    stage.finish("a")
    assert stage.callers["a"].text == "four" * 20


def test_one_models_crash_loop_leaves_the_other_alone() -> None:
    stage = serving("a")
    healthy = stage.worker
    stage.ask("x", model="other")
    for _ in range(4):
        stage.die()
        stage.fire(TimerKind.RESTART)
    stage.die()
    stage.report(Step(((stage.callers["a"].handle, Delta(0, (1,), "fine")),), IDLE), worker=healthy)
    assert stage.callers["a"].text == "fine"
    assert (stage.state("m"), stage.state("other")) == ("ready", "failed")


def test_answers_do_not_go_on_with_another_file() -> None:
    stage = serving("a", "b")
    stage.say("a", "hello")
    stage.effects.replaced.add("m")
    stage.die()
    spawned = len(stage.spawned())
    stage.fire(TimerKind.RESTART)
    assert (stage.state(), len(stage.spawned())) == ("unloaded", spawned)
    assert [stage.callers[name].failure for name in "ab"] == ["model_unloaded"] * 2
    stage.effects.replaced.clear()
    stage.ask("c")
    assert len(stage.spawned()) == spawned + 1


def test_a_model_that_waits_for_the_replaced_one_gets_its_room() -> None:
    stage = Stage(max_loaded_models=1)
    stage.ask("a")
    stage.up()
    stage.effects.replaced.add("m")
    stage.die()
    stage.ask("z", model="other")
    assert stage.spawned() == ["m"]
    stage.fire(TimerKind.RESTART)
    assert stage.spawned()[-1] == "other"
