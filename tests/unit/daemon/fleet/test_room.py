"""Stories of several models that share one machine."""

from tests.unit.daemon.fleet.stage import MIB, Stage
from velocity_local.daemon.fleet.effects import TimerKind

BIG = 4000 * MIB


def with_models(*models: str, **settings: object) -> Stage:
    """These models are ready and idle, the first longest unused."""
    stage = Stage(**settings)
    for model in models:
        stage.load(model)
        stage.up()
        stage.clock.advance(1.0)
    return stage


def worker_of(stage: Stage, model: str) -> int:
    return next(worker for worker, name in reversed(stage.effects.spawned) if name == model)


def test_the_longest_unused_model_makes_room() -> None:
    stage = with_models("a", "b", max_loaded_models=2)
    stage.ask("x", model="c")
    assert (stage.state("a"), stage.state("b"), stage.state("c")) == (
        "unloading",
        "ready",
        "loading",
    )
    assert stage.spawned() == ["a", "b"]
    stage.die("exit 0", worker=worker_of(stage, "a"))
    assert stage.spawned() == ["a", "b", "c"]
    stage.up()
    assert stage.sent() == ["load", "x"]
    assert stage.state("a") == "unloaded"


def test_a_busy_model_is_let_finish_and_takes_nothing_new_meanwhile() -> None:
    stage = with_models("a", max_loaded_models=1)
    a = worker_of(stage, "a")
    stage.ask("running", model="a")
    stage.ask("x", model="b")
    stage.ask("later", model="a")
    assert stage.sent(a) == ["load", "running"]
    stage.finish("running")
    assert stage.sent(a)[-1] == "shutdown"
    stage.die("exit 0", worker=a)
    stage.up()
    assert stage.sent() == ["load", "x"]
    stage.finish("x")
    assert stage.sent()[-1] == "shutdown"
    stage.die("exit 0")
    stage.up()
    assert stage.spawned() == ["a", "b", "a"]
    assert stage.sent() == ["load", "later"]


def test_models_get_room_in_the_order_in_which_they_were_asked_for() -> None:
    stage = with_models("a", max_loaded_models=1)
    for name, model in (("x", "b"), ("y", "c"), ("z", "b")):
        stage.ask(name, model=model)
    stage.die("exit 0")
    stage.up()
    assert stage.sent() == ["load", "x", "z"]
    stage.finish("x")
    stage.finish("z")
    stage.die("exit 0")
    assert stage.spawned() == ["a", "b", "c"]


def test_who_leaves_the_line_costs_nobody_his_place() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.ask("x", model="b")
    stage.ask("y", model="c")
    stage.cancel("x")
    stage.die("exit 0")
    assert stage.spawned() == ["a", "c"]
    assert stage.state("b") == "unloaded"


def test_a_model_that_is_too_big_is_refused_with_numbers() -> None:
    stage = Stage()
    stage.sizes["huge"] = BIG
    stage.effects.free_bytes = 1000 * MIB
    x = stage.ask("x", model="huge")
    assert x.failure == "out_of_memory"
    assert x.errors[0].details["available_bytes"] == 1000 * MIB
    assert "1000 MiB" in x.errors[0].message
    assert (stage.spawned(), stage.state("huge")) == ([], "unloaded")


def test_memory_is_measured_again_when_a_model_has_gone() -> None:
    stage = with_models("a", "b")
    stage.sizes["big"] = BIG
    stage.effects.free_bytes = int(4300 * MIB)
    x = stage.ask("x", model="big")
    assert stage.state("a") == "unloading"
    stage.effects.free_bytes = 6000 * MIB
    stage.die("exit 0", worker=worker_of(stage, "a"))
    assert stage.spawned()[-1] == "big"
    assert x.failure is None


def test_a_model_that_waits_for_its_restart_keeps_its_place() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.ask("running", model="a")
    stage.die()
    stage.ask("x", model="b")
    assert stage.spawned() == ["a"]
    stage.restart()
    stage.say("running", "more")
    stage.finish("running")
    stage.die("exit 0")
    assert stage.spawned() == ["a", "a", "b"]


def test_an_idle_model_that_waits_for_its_restart_gives_its_place() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.die()
    stage.ask("x", model="b")
    assert stage.spawned() == ["a", "b"]
    assert not stage.armed(TimerKind.RESTART)


def test_streams_under_way_go_on_although_their_model_yields() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.ask("running", model="a")
    stage.say("running", "some text")
    stage.ask("x", model="b")
    stage.die()
    stage.restart()
    assert stage.sent() == ["load", "running"]
    stage.finish("running")
    assert stage.sent()[-1] == "shutdown"
