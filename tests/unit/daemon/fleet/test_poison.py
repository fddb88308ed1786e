"""Requests that kill workers, and those beside them."""

from tests.unit.daemon.fleet.stage import Stage, serving
from velocity_local.core.events import Failed
from velocity_local.daemon.fleet.effects import TimerKind


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


def test_one_that_is_there_at_two_ends_from_outside_is_not_refused() -> None:
    stage = Stage()
    a = stage.ask("a")
    stage.up()
    for _ in range(2):
        stage.die("SIGKILL")
        stage.restart()
    assert (a.failure, stage.sent()) == (None, ["load", "a"])


def test_one_that_is_there_at_four_ends_from_outside_is_refused() -> None:
    stage = Stage()
    a = stage.ask("a")
    stage.up()
    for _ in range(3):
        stage.die("SIGKILL")
        stage.restart()
    stage.die("SIGKILL")
    assert a.failure == "poison_request"


def test_kills_during_a_trial_are_not_held_against_the_one_on_trial_at_once() -> None:
    stage = serving("a", "b")
    for _ in range(2):
        stage.die("SIGSEGV")
        stage.restart()
    assert stage.sent() == ["load", "a"]
    stage.die("SIGKILL")
    stage.restart()
    assert stage.sent() == ["load", "a"]
    stage.say("a", "four")
    assert stage.sent() == ["load", "a", "b"]
