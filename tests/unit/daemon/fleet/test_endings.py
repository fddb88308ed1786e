"""Unloading, shutting down, readiness."""

from tests.unit.daemon.fleet.stage import Stage, serving
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.daemon.fleet.process import Stop


def test_unload_lets_requests_finish_first() -> None:
    stage = serving("a")
    gone: list[str] = []
    stage.supervisor.unload("m", lambda: gone.append("m"))
    assert (stage.state(), stage.sent()) == ("unloading", ["load", "a"])
    stage.say("a", "the end")
    stage.finish("a")
    assert stage.sent()[-1] == "shutdown"
    stage.die("exit 0")
    assert (stage.state(), gone, stage.callers["a"].failure) == ("unloaded", ["m"], None)


def test_unload_ends_what_takes_too_long() -> None:
    stage = serving("a")
    stage.supervisor.unload("m", lambda: None)
    assert stage.fire(TimerKind.DRAIN) == 30.0
    assert stage.callers["a"].failure == "model_unloaded"
    assert stage.sent()[-1] == "shutdown"


def test_a_worker_that_does_not_leave_is_made_to() -> None:
    stage = Stage()
    stage.load()
    stage.up()
    stage.supervisor.unload("m", lambda: None)
    delays = [stage.fire(TimerKind.STOPPING) for _ in range(2)]
    assert delays == [5.0, 2.0]
    assert stage.effects.stopped == [(1, Stop.TERMINATE), (1, Stop.KILL)]


def test_a_request_during_unloading_loads_the_model_anew() -> None:
    stage = serving("a")
    stage.supervisor.unload("m", lambda: None)
    stage.ask("b")
    stage.finish("a")
    stage.die("exit 0")
    stage.up()
    assert stage.sent() == ["load", "b"]


def test_unload_while_loading_ends_the_load() -> None:
    stage = Stage()
    a = stage.ask("a")
    stage.supervisor.unload("m", lambda: None)
    assert a.failure == "model_unloaded"
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die()
    assert stage.state() == "unloaded"


def test_unload_while_the_worker_is_down() -> None:
    stage = serving("a")
    stage.die()
    gone: list[str] = []
    stage.supervisor.unload("m", lambda: gone.append("m"))
    assert (stage.state(), gone) == ("unloaded", ["m"])
    assert stage.callers["a"].failure == "model_unloaded"
    assert not stage.armed(TimerKind.RESTART)


def test_unload_of_what_is_not_loaded_is_fine() -> None:
    gone: list[str] = []
    Stage().supervisor.unload("m", lambda: gone.append("m"))
    assert gone == ["m"]


def test_a_death_while_unloading_is_the_end() -> None:
    stage = serving("a")
    stage.supervisor.unload("m", lambda: None)
    stage.die("SIGSEGV")
    assert (stage.state(), stage.callers["a"].failure) == ("unloaded", "model_unloaded")


def test_shutting_down_drains_and_then_ends_everything() -> None:
    stage = serving("a")
    stage.ask("x", model="loading")
    stage.supervisor.shut_down(drain_s=3.0)
    assert stage.callers["x"].failure == "overloaded"
    assert stage.ask("late").failure == "overloaded"
    assert stage.effects.stopped == [(2, Stop.KILL)]
    assert stage.fire(TimerKind.DRAIN) == 3.0
    assert stage.callers["a"].failure == "model_unloaded"
    stage.die(worker=2)
    assert stage.supervisor.has_workers
    stage.die(worker=1)
    assert not stage.supervisor.has_workers
    assert stage.effects.timers == {}


def test_readiness_is_some_ready_model() -> None:
    stage = Stage()
    stage.load()
    assert not stage.supervisor.is_ready()
    stage.up()
    assert stage.supervisor.is_ready()
    stage.die()
    assert not stage.supervisor.is_ready()
