"""Requests on a ready model."""

from tests.unit.daemon.fleet.stage import LOADED, Stage, serving
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Delta, Started
from velocity_local.core.requests import EmbeddingRequest, TextPrompt
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.wire.ipc.messages import (
    Embedded,
    EngineLoad,
    Generate,
    Refused,
)


def test_events_reach_their_callers_and_nobody_else() -> None:
    stage = serving("a", "b")
    stage.step(("a", Delta(0, (1,), "x")), ("b", Delta(0, (2,), "y")))
    stage.finish("a")
    assert (stage.callers["a"].text, stage.callers["b"].text) == ("x", "y")
    assert len(stage.callers["a"].events) == 3


def test_cancel_tells_the_worker_and_silences_it() -> None:
    stage = serving("a")
    stage.cancel("a")
    assert stage.sent() == ["load", "a", "cancel a"]
    stage.say("a", "late")
    assert stage.callers["a"].text == ""


def test_cancel_of_a_request_that_is_over_tells_nobody() -> None:
    stage = serving("a")
    stage.finish("a")
    stage.cancel("a")
    assert stage.sent() == ["load", "a"]


def test_a_refused_request_fails_alone() -> None:
    stage = serving("a", "b")
    bad = stage.ask("bad")
    stage.report(Refused(bad.handle, ErrorInfo("context_length_exceeded", "too long")))
    assert bad.failure == "context_length_exceeded"
    assert stage.callers["a"].failure is None


def test_a_call_is_answered_once() -> None:
    stage = Stage()
    caller = stage.submit("e", EmbeddingRequest(id="e", model="m", inputs=(TextPrompt("x"),)))
    stage.up()
    for _ in range(2):
        stage.report(Embedded(caller.handle, (b"1234",), 1))
    assert len(caller.answers) == 1


def test_status_tells_what_the_engine_told() -> None:
    stage = serving("a")
    stage.step(load=EngineLoad(1, 2, 30, 4.5))
    status = stage.status()
    assert (status.running, status.waiting, status.used_cells) == (1, 2, 30)
    assert (status.pid, status.loaded) == (1001, LOADED)


def test_a_request_whose_time_is_up_while_the_model_loads_is_told() -> None:
    stage = Stage()
    a = stage.ask("a", deadline_s=7.0)
    assert stage.fire(TimerKind.EXPIRY) == 7.0
    assert a.failure == "deadline_exceeded"


def test_a_request_that_may_wait_no_longer_while_the_model_loads_is_told() -> None:
    stage = Stage()
    a = stage.ask("a", deadline_s=7.0, patience_s=2.0)
    assert stage.fire(TimerKind.EXPIRY) == 2.0
    assert a.failure == "queue_timeout"


def test_a_request_that_has_begun_waits_no_more_also_in_another_worker() -> None:
    stage = serving("a")
    stage.ask("b", patience_s=2.0)
    stage.step(("b", Started(0, 1, 0)))
    stage.die("SIGKILL")
    stage.fire(TimerKind.RESTART)
    stage.up()
    told = [c.request.queue.timeout_s for _, c in stage.effects.sent if isinstance(c, Generate)]
    assert told[-2:] == [None, None]


def test_the_worker_is_told_the_time_that_is_left() -> None:
    stage = Stage()
    stage.ask("a", deadline_s=7.0, patience_s=5.0)
    stage.clock.advance(3.0)
    stage.up()
    command = next(c for _, c in stage.effects.sent if isinstance(c, Generate))
    assert (command.request.deadline_s, command.request.queue.timeout_s) == (4.0, 2.0)
    assert not stage.armed(TimerKind.EXPIRY)


def test_tokens_are_counted_as_they_come_and_over_all_workers() -> None:
    stage = serving("a")
    stage.say("a", "one")
    assert stage.status().completion_tokens == 3
    stage.die()
    stage.restart()
    stage.say("a", "more")
    assert stage.status().completion_tokens == 7
