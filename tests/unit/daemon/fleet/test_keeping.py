"""Stories of memory: who is kept, who goes and why, and what is made smaller."""

import pytest

from tests.unit.daemon.fleet.stage import MIB, Stage
from tests.unit.daemon.fleet.test_room import BIG, with_models, worker_of
from velocity_local.core.fit import Shape
from velocity_local.core.models import LoadOptions
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.daemon.fleet.stays import Stay
from velocity_local.wire.ipc.messages import Load

HUGE_CACHE = Shape(
    layers=33,
    weights_bytes=1000 * MIB,
    embedding_bytes=0,
    parameters=10**9,
    context_length=32_768,
    full_width=65_536,
    window_width=0,
    window=0,
    state_width=0,
    width=1024,
    feed_forward=1024,
    heads=8,
    vocabulary=1000,
)


def kinds(stage: Stage) -> list[tuple[str, str]]:
    return [(notice.kind, notice.model) for notice in stage.supervisor.diary.since(0)]


def load_options(stage: Stage) -> LoadOptions:
    """What the last worker was told to load with."""
    return next(c.options for _, c in reversed(stage.effects.sent) if isinstance(c, Load))


def test_what_goes_is_told_with_its_reason() -> None:
    stage = with_models("a", "b", max_loaded_models=2)
    stage.ask("x", model="c")
    assert kinds(stage) == [("evicted", "a")]
    notice = stage.supervisor.diary.since(0)[0]
    assert notice.text.startswith("makes room for c: ")
    assert "unused for 2 s" in notice.text
    assert notice.details["wanted"] == "c"


def test_a_busy_model_that_is_to_go_when_it_is_done_is_told_once() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.ask("running", model="a")
    stage.begin("running")
    stage.ask("x", model="b")
    stage.ask("y", model="b")
    assert kinds(stage) == [("evicted", "a")]
    assert "makes room for b once its answers end" in stage.supervisor.diary.since(0)[0].text
    assert stage.state("a") == "ready"
    stage.finish("running")
    assert stage.state("a") == "unloading"
    assert len(kinds(stage)) == 1


def test_a_pinned_model_stays_and_another_goes() -> None:
    stage = with_models("a", "b", max_loaded_models=2)
    stage.supervisor.stay("a", Stay(60.0, is_pinned=True))
    stage.ask("x", model="c")
    assert (stage.state("a"), stage.state("b")) == ("ready", "unloading")
    assert stage.status("a").is_pinned


def test_a_load_that_only_pinned_models_prevent_is_refused_until_one_is_let_go() -> None:
    stage = with_models("a", max_loaded_models=1)
    stage.supervisor.stay("a", Stay(60.0, is_pinned=True))
    refused = stage.ask("x", model="b")
    assert refused.failure == "out_of_memory"
    assert "a stay pinned" in refused.errors[0].message
    stage.supervisor.stay("a", Stay(60.0))
    stage.ask("y", model="b")
    assert stage.state("a") == "unloading"


def test_headroom_is_left_to_others() -> None:
    stage = Stage(headroom_bytes=600 * MIB)
    stage.effects.free_bytes = 700 * MIB
    refused = stage.ask("x")
    assert refused.failure == "out_of_memory"
    assert "600 MiB left to other programs" in refused.errors[0].message
    assert kinds(stage) == [("refused", "m")]


def test_a_model_that_nobody_uses_goes_when_its_time_is_over() -> None:
    stage = with_models("a", keep_alive_s=60.0)
    stage.ask("x", model="a")
    assert not stage.armed(TimerKind.IDLE)
    stage.begin("x")
    stage.finish("x")
    assert stage.fire(TimerKind.IDLE) == pytest.approx(60.0)
    assert stage.state("a") == "unloading"
    assert kinds(stage) == [("idle", "a")]


def test_a_pinned_model_has_no_such_time() -> None:
    stage = with_models("a", keep_alive_s=60.0)
    stage.supervisor.stay("a", Stay(60.0, is_pinned=True))
    assert not stage.armed(TimerKind.IDLE)
    stage.supervisor.stay("a", Stay(60.0))
    assert stage.armed(TimerKind.IDLE)


def test_the_time_can_be_set_for_one_model() -> None:
    stage = with_models("a", "b")
    stage.supervisor.stay("a", Stay(5.0))
    assert stage.fire(TimerKind.IDLE) == pytest.approx(5.0)
    assert (stage.state("a"), stage.state("b")) == ("unloading", "ready")


def test_a_request_says_how_long_the_model_stays_after_it_and_the_next_one_is_as_usual() -> None:
    stage = with_models("a", keep_alive_s=60.0)
    for name, keep_alive_s, stays_s in (("x", 5.0, 5.0), ("y", None, 60.0)):
        stage.ask(name, model="a", keep_alive_s=keep_alive_s)
        assert stage.status("a").leaves_s is None
        stage.begin(name)
        stage.finish(name)
        leaves_s = stage.status("a").leaves_s
        assert leaves_s == pytest.approx(stage.clock.wall_s() + stays_s)
    stage.ask("z", model="a", keep_alive_s=0.0)
    stage.begin("z")
    stage.finish("z")
    assert not stage.armed(TimerKind.IDLE)


def test_an_automatic_context_becomes_smaller_before_the_model_is_refused() -> None:
    stage = Stage()
    stage.shapes["m"] = HUGE_CACHE
    stage.effects.free_bytes = 1900 * MIB
    stage.ask("x")
    stage.up()
    assert load_options(stage).n_ctx == 4096
    assert kinds(stage) == [("shrunk", "m")]
    assert "4096 tokens" in stage.supervisor.diary.since(0)[0].text


def test_a_context_that_was_asked_for_stays() -> None:
    stage = Stage()
    stage.shapes["m"] = HUGE_CACHE
    stage.effects.free_bytes = 1900 * MIB
    stage.options = LoadOptions(n_ctx=8192)
    assert stage.ask("x").failure == "out_of_memory"


def test_out_of_memory_in_a_worker_is_tried_once_more_with_less() -> None:
    stage = Stage()
    x = stage.ask("x")
    stage.fail_load("out_of_memory", "no room for the cache")
    stage.die("exit 3")
    stage.up()
    assert load_options(stage).n_ctx == 4096
    assert stage.sent() == ["load", "x"]
    assert x.failure is None
    assert kinds(stage) == [("out of memory", "m")]


def test_the_second_time_it_is_told() -> None:
    stage = Stage()
    x = stage.ask("x")
    stage.fail_load("out_of_memory", "no room for the cache")
    stage.die("exit 3")
    stage.fail_load("out_of_memory", "still no room")
    assert x.failure == "out_of_memory"
    assert "still no room" in x.errors[0].message


def test_with_a_context_that_was_asked_for_it_is_told_at_once() -> None:
    stage = Stage()
    stage.options = LoadOptions(n_ctx=8192)
    x = stage.ask("x")
    stage.fail_load("out_of_memory", "no room")
    assert x.failure == "out_of_memory"
    assert stage.spawned() == ["m"]


def test_others_are_untouched_by_a_load_that_does_not_fit() -> None:
    stage = with_models("a")
    stage.ask("running", model="a")
    stage.begin("running")
    stage.sizes["huge"] = 40 * BIG
    assert stage.ask("x", model="huge").failure == "out_of_memory"
    assert stage.state("a") == "ready"
    stage.say("running", "on")
    assert stage.callers["running"].text == "on"
    assert worker_of(stage, "a") == 1


def test_a_crash_loop_ends_after_five_starts_with_its_reason_and_others_go_on() -> None:
    stage = with_models("a")
    stage.ask("x", model="b")
    for _ in range(4):
        stage.die("SIGILL")
        stage.fire(TimerKind.RESTART)
    stage.die("SIGILL")
    assert stage.spawned() == ["a"] + 5 * ["b"]
    assert stage.callers["x"].failure == "model_failed"
    assert kinds(stage) == [("gave up", "b")]
    assert "5 starts within 10 minutes" in stage.supervisor.diary.since(0)[0].text
    assert "SIGILL" in stage.ask("later", model="b").errors[0].message
    assert stage.state("a") == "ready"


def test_a_load_that_the_system_kills_asks_for_less_once() -> None:
    stage = Stage()
    x = stage.ask("x")
    for _ in range(4):
        stage.die("SIGKILL")
        stage.fire(TimerKind.RESTART)
    stage.up()
    assert load_options(stage).n_ctx == 4096
    assert kinds(stage) == [("out of memory", "m")]
    assert x.failure is None


def test_a_death_after_loading_takes_nothing_away() -> None:
    stage = with_models("m")
    stage.ask("x")
    stage.begin("x")
    stage.die("SIGKILL")
    stage.restart()
    assert load_options(stage).n_ctx is None
    assert kinds(stage) == []
