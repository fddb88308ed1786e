from velocity_local.cli.waiting import wait_for
from velocity_local.core.clock import ManualClock


def test_the_first_answer_ends_the_waiting() -> None:
    clock = ManualClock()
    answers = iter([None, None, "ready"])
    found = wait_for(lambda: next(answers), timeout_s=10, clock=clock, pause=clock.advance)
    assert found == "ready"


def test_the_time_is_a_limit() -> None:
    clock = ManualClock()
    asked = []
    found = wait_for(
        lambda: asked.append(1),
        timeout_s=1.0,
        interval_s=0.25,
        clock=clock,
        pause=clock.advance,
    )
    assert found is None
    assert len(asked) == 5
