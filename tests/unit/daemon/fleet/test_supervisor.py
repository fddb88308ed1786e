"""Stories of one model and its workers."""

import pytest

from tests.unit.daemon.fleet.stage import IDLE, LOADED, Stage
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import Delta, Failed, Started, ToolCallDelta
from velocity_local.core.requests import EmbeddingRequest, TextPrompt
from velocity_local.daemon.fleet.effects import TimerKind
from velocity_local.daemon.fleet.process import Stop
from velocity_local.wire.ipc.messages import (
    Embedded,
    EngineLoad,
    Generate,
    Loaded,
    Ping,
    Pong,
    Refused,
    Resumed,
    Step,
)


def serving(*names: str) -> Stage:
    """A ready model with these requests begun."""
    stage = Stage()
    for name in names:
        stage.ask(name)
    stage.up()
    stage.begin(*names)
    return stage


# Loading


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
    stage.fail_load("out_of_memory", "needs 9 GiB")
    assert (a.failure, b.failure, stage.state()) == ("out_of_memory", "out_of_memory", "failed")
    assert "needs 9 GiB" in a.errors[0].message
    assert stage.effects.stopped == [(1, Stop.KILL)]
    stage.die("exit 3")
    assert not stage.armed(TimerKind.RESTART)
    later = stage.ask("later")
    assert later.failure == "out_of_memory"
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


# Running


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


def test_the_worker_is_told_the_time_that_is_left() -> None:
    stage = Stage()
    stage.ask("a", deadline_s=7.0)
    stage.clock.advance(3.0)
    stage.up()
    command = next(c for _, c in stage.effects.sent if isinstance(c, Generate))
    assert command.request.deadline_s == 4.0
    assert not stage.armed(TimerKind.EXPIRY)


# Deaths


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


# Hangs and garbage


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


# Poison


def test_a_prompt_that_kills_two_workers_is_refused() -> None:
    stage = Stage()
    evil = stage.ask("evil")
    stage.up()
    stage.die("SIGSEGV")
    stage.restart()
    stage.die("SIGSEGV")
    assert evil.failure == "poison_request"
    assert "SIGSEGV" in evil.errors[0].message
    assert stage.ask("evil").failure == "poison_request"
    stage.restart()
    stage.ask("good")
    assert stage.sent() == ["load", "good"]


def test_the_guilty_is_found_among_many_and_only_he_is_refused() -> None:
    stage = serving("a", "evil", "b")
    stage.die("SIGABRT")
    for _ in range(20):
        if not stage.armed(TimerKind.RESTART):
            break
        stage.restart()
        _run_until_death(stage, evil="evil")
    assert stage.callers["evil"].failure == "poison_request"
    assert (stage.callers["a"].failure, stage.callers["b"].failure) == (None, None)
    assert (stage.callers["a"].text, stage.callers["b"].text) == ("fine", "fine")


def _run_until_death(stage: Stage, *, evil: str) -> None:
    """The worker serves all it was given, unless the evil one is among them."""
    served = 1
    while True:
        given = stage.sent()
        if evil in given:
            stage.die("SIGABRT")
            return
        if served == len(given):
            return
        stage.say(given[served], "fine")
        stage.finish(given[served])
        served += 1


def test_suspects_are_tried_one_at_a_time() -> None:
    stage = serving("a", "b")
    stage.die()
    stage.restart()
    stage.die()
    stage.restart()
    stage.ask("fresh")
    assert stage.sent() == ["load", "a"]
    stage.say("a", "four")
    assert stage.sent() == ["load", "a", "b"]
    stage.cancel("b")
    assert stage.sent() == ["load", "a", "b", "cancel b", "fresh"]


def test_a_stream_that_gets_on_between_deaths_is_never_suspected() -> None:
    stage = serving("a")
    for _ in range(5):
        stage.say("a", "on and on")
        stage.die()
        stage.restart()
    stage.finish("a")
    assert stage.callers["a"].failure is None


def test_a_guilty_stream_ends_in_failed_events_for_each_open_choice() -> None:
    stage = Stage()
    evil = stage.ask("evil", n=2)
    stage.up()
    stage.say("evil", "x", choice=0)
    stage.finish("evil", choice=1)
    stage.die()
    stage.restart()
    stage.die()
    failed = [event for event in evil.events if isinstance(event, Failed)]
    assert [event.index for event in failed] == [0]
    assert failed[0].error.code == "poison_request"
    assert evil.errors == []


def test_loading_by_hand_lets_a_refused_prompt_try_again() -> None:
    stage = Stage()
    stage.ask("evil")
    stage.up()
    stage.die()
    stage.restart()
    stage.die()
    stage.load()
    stage.restart()
    assert stage.ask("evil").failure is None


# Unloading and ending


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
