"""Workers that hang or talk nonsense."""

from tests.unit.daemon.fleet.stage import IDLE, LOADED, Stage, serving
from velocity_local.core.events import Delta
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.daemon.fleet.process import Stop
from velocity_local.wire.ipc.messages import (
    Embedded,
    Loaded,
    Ping,
    Pong,
    Resumed,
    Step,
)


def test_a_worker_that_answers_is_left_alone() -> None:
    stage = Stage()
    stage.load()
    stage.up()
    for number in range(1, 20):
        assert stage.fire(TimerKind.WATCH) == 5.0
        assert stage.effects.sent[-1] == (1, Ping(number))
        stage.report(Pong(number, IDLE))
    assert stage.effects.stopped == []


def test_a_silent_worker_is_aborted_then_killed_then_replaced() -> None:
    stage = serving("a")
    stage.say("a", "some text")
    for _ in range(6):
        stage.fire(TimerKind.WATCH)
    assert stage.effects.stopped == [(1, Stop.ABORT)]
    assert stage.fire(TimerKind.STOPPING) == 2.0
    assert stage.effects.stopped == [(1, Stop.ABORT), (1, Stop.KILL)]
    stage.say("a", "too late")
    stage.die("SIGKILL")
    assert stage.status().last_error == "it did not answer for 30 s"
    stage.restart()
    assert stage.resumed("a") == (Resumed(0, tuple(b"some text"), 9, 0, 0),)


def test_silence_proves_nothing_when_the_machine_slept() -> None:
    stage = Stage()
    stage.load()
    stage.up()
    stage.clock.advance(3600.0)
    stage.fire(TimerKind.WATCH)
    assert stage.effects.stopped == []
    stage.report(Pong(1, IDLE))
    stage.fire(TimerKind.WATCH)
    assert stage.effects.stopped == []


def test_garbage_ends_the_worker_and_the_streams_go_on() -> None:
    stage = serving("a")
    stage.say("a", "some text")
    stage.supervisor.on_garbage(stage.worker, "frame of 4 GiB")
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die("SIGKILL")
    assert stage.status().last_error == "it sent garbage: frame of 4 GiB"
    stage.restart()
    assert stage.sent() == ["load", "a"]


def test_reports_nobody_asked_for_are_garbage() -> None:
    for wrong in (
        Step(((1, Delta(5, (1,), "x")),), IDLE),
        Embedded(1, (b"1234",), 1),
        Loaded(LOADED, 1),
    ):
        stage = serving("a")
        stage.report(wrong)
        assert stage.effects.stopped == [(1, Stop.KILL)]
