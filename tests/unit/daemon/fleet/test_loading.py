"""How a model comes up, or does not."""

import pytest

from tests.unit.daemon.fleet.stage import LOADED, Stage
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.daemon.fleet.process import Stop
from velocity_local.wire.ipc.messages import (
    Loaded,
)


def test_the_first_request_loads_the_model_and_waits() -> None:
    stage = Stage()
    stage.ask("a")
    assert stage.spawned() == ["m"]
    assert (stage.state(), stage.sent()) == ("loading", [])
    stage.clock.advance(2.0)
    stage.up()
    assert stage.sent() == ["load", "a"]
    ticket = stage.callers["a"].ticket
    assert ticket is not None
    assert (ticket.info.load_ms, ticket.info.fingerprint) == (2000.0, "print of m")


def test_many_who_wait_for_one_model_share_one_load() -> None:
    stage = Stage()
    for name in "abc":
        stage.ask(name)
    stage.up()
    assert stage.spawned() == ["m"]
    assert stage.sent() == ["load", "a", "b", "c"]


def test_a_ready_model_gets_requests_at_once() -> None:
    stage = Stage()
    stage.load()
    stage.up()
    stage.ask("a")
    assert stage.sent() == ["load", "a"]
    ticket = stage.callers["a"].ticket
    assert ticket is not None
    assert ticket.info.load_ms == 0.0


def test_loading_by_hand_is_answered_when_the_model_is_ready() -> None:
    stage = Stage()
    first = stage.load()
    stage.up()
    second = stage.load()
    assert [len(first.answers), len(second.answers)] == [1, 1]
    assert stage.status().pending == 0


def test_the_last_who_waits_may_leave_while_it_loads() -> None:
    stage = Stage()
    stage.ask("a")
    stage.cancel("a")
    stage.up()
    assert stage.sent() == ["load"]
    assert stage.state() == "ready"


def test_a_load_that_fails_tells_all_the_workers_reason_and_is_not_repeated() -> None:
    stage = Stage()
    a, b = stage.ask("a"), stage.ask("b")
    stage.fail_load("invalid_model", "a layer is missing")
    assert (a.failure, b.failure, stage.state()) == ("invalid_model", "invalid_model", "failed")
    assert "a layer is missing" in a.errors[0].message
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die("exit 3")
    assert not stage.armed(TimerKind.RESTART)
    later = stage.ask("later")
    assert later.failure == "invalid_model"
    assert later.errors[0].retry_after_s == pytest.approx(10.0)


def test_after_a_while_a_failed_load_may_be_tried_again() -> None:
    stage = Stage()
    stage.ask("a")
    stage.fail_load("model_failed", "bad file")
    stage.die()
    stage.clock.advance(11.0)
    stage.ask("b")
    stage.up()
    assert stage.sent() == ["load", "b"]


def test_an_error_that_callers_do_not_know_is_told_as_a_failed_model() -> None:
    stage = Stage()
    a = stage.ask("a")
    stage.fail_load("something_new", "odd")
    assert a.failure == "model_failed"


def test_loading_by_hand_forgives_a_failed_load() -> None:
    stage = Stage()
    stage.ask("a")
    stage.fail_load("model_failed", "bad file")
    stage.die()
    again = stage.load()
    stage.up()
    assert len(again.answers) == 1


def test_a_load_that_takes_too_long_fails() -> None:
    stage = Stage(load_timeout_s=5.0)
    a = stage.ask("a")
    assert stage.fire(TimerKind.LOADING) == 5.0
    assert a.failure == "model_failed"
    assert "within 5 s" in a.errors[0].message
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die()
    assert stage.state() == "failed"


def test_a_worker_of_another_release_is_refused() -> None:
    stage = Stage()
    stage.ask("a")
    stage.report(Loaded(LOADED, 1, protocol=99))
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die("SIGKILL")
    assert "protocol 99" in (stage.status().last_error or "")


def test_a_process_that_cannot_be_started_is_tried_again_later() -> None:
    stage = Stage()
    a = stage.ask("a")
    stage.die("could not be started: no memory")
    assert stage.restart() == 0.5
    assert (a.failure, stage.sent()) == (None, ["load", "a"])
