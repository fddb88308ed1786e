"""Bench: what is computed before it is drawn, and the screen over the real daemon and the lens."""

import os
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.daemon import RunningDaemon
from tests.tui.benches import comparison, course
from tests.tui.closed import ClosedDoor
from tests.tui.living import over, until
from tests.tui.scenes import bench, compared
from tests.tui.terminal import text
from velocity_tui.app import VelocityApp
from velocity_tui.bench import (
    Began,
    ComparisonDocument,
    Course,
    Ended,
    Plan,
    Preparing,
    Progress,
    Result,
    advanced,
)
from velocity_tui.plots import curves, spans, thinned, whisker
from velocity_tui.programs import CommandFailed, Measuring, told
from velocity_tui.screens.bench import BenchScreen, state_line
from velocity_tui.screens.compared import table
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.plan_run import PlanRun
from velocity_tui.session import Session
from velocity_tui.widgets.course import FirstTokenPlot

BRAILLE = range(0x2800, 0x2900)


def progress(elapsed_s: float, n_tokens: int) -> Progress:
    return Progress(elapsed_s, n_tokens // 10, 0, 1, n_tokens)


def test_a_course_follows_what_happens() -> None:
    now = advanced(Course(), [Preparing("looking at the server")])
    assert "looking at the server" in state_line(now, is_running=True).plain
    now = advanced(now, [Began("run", "demo", 40), progress(1.0, 100), progress(1.5, 200)])
    assert now.rates == [100.0, 200.0]
    assert now.share == 0.5
    assert "20 of 40 requests" in state_line(now, is_running=True).plain
    ended = advanced(now, [Ended(Result("r-1", partial_reason="interrupted"))])
    assert ended.outcome == "Ended early (interrupted); the part is kept as r-1"
    assert advanced(ended, [Began("run", "demo")]).samples == ()


def test_a_run_whose_figures_must_not_be_used_says_so() -> None:
    ended = advanced(Course(), [Ended(Result("r-1", void_reason="the client was slow"))])
    assert ended.outcome == "Void, its figures must not be used: the client was slow"


def test_a_plan_is_a_command() -> None:
    assert Plan("demo").arguments()[:3] == ["--concurrency=4", "--model=demo", "--requests=40"]
    assert Plan("demo", streams=None, rate_per_s=2.5).arguments()[0] == "--rate=2.5"


def test_curves_meet_the_edges_and_keep_their_colours() -> None:
    rows = curves([[0.0, 0.0], [10.0, 10.0]], 1, 2, top=10)
    assert [[(ord(char), owner) for char, owner in row] for row in rows] == [
        [(0x2800 + 0x01 + 0x08, 1)],
        [(0x2800 + 0x40 + 0x80, 0)],
    ]


def test_a_gap_in_a_curve_stays_one() -> None:
    drawn = curves([[1.0, 1.0, None, None, 1.0, 1.0]], 3, 1, top=1)[0]
    assert [char == " " for char, _ in drawn] == [False, True, False]


def test_a_steep_curve_has_no_holes() -> None:
    column = [row[0][0] for row in curves([[0.0, 10.0]], 1, 4, top=10)]
    assert all(ord(char) in BRAILLE for char in column)


def test_spans_put_the_value_within_its_interval() -> None:
    assert spans([(0, 5, 10)], 1, 3, bottom=0, top=10) == ["│", "●", "│"]
    assert spans([(10, 10, 10), (5, 5, 5)], 2, 3, bottom=0, top=10) == ["● ", " ●", "  "]
    assert spans([(1, 1, 1)] * 9, 3, 1, bottom=0, top=1) == ["●●●"]


def test_a_whisker_marks_zero_and_stays_on_its_line() -> None:
    assert whisker(0.5, 0.75, 1.0, 9, reach=1.0) == "    ┊ ├●┤"
    assert whisker(-9, 0, 9, 5, reach=1.0) == "├─●─┤"


@pytest.mark.parametrize("most", [1, 3, 7, 10])
def test_thinning_keeps_the_newest(most: int) -> None:
    thin = thinned(list(range(10)), most)
    assert len(thin) == most
    assert thin[-1] == 9
    assert thin == sorted(thin)  # type: ignore[type-var] # no None among them


@pytest.mark.parametrize("width", [60, 74, 110, 174])
def test_a_comparison_fits_its_width_and_tells_changes_from_chance(width: int) -> None:
    rows = [row for section in comparison().sections for row in section.rows]
    lines = table(rows, width).plain.split("\n")
    assert len(lines) == len(rows) + 1
    assert max(map(len, lines)) <= width
    assert lines[1].endswith("worse")
    assert sum(line.endswith("unclear") for line in lines) == len(rows) - 2
    assert ("┊" in lines[2] or "●" in lines[2]) == (width >= 90)


async def filled(pilot: Pilot[None]) -> PlanRun:
    """The form of a short run, once it is open."""
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanRun))
    form = pilot.app.screen
    assert isinstance(form, PlanRun)
    for name, value in (("amount", "2"), ("requests", "8"), ("prompt_tokens", "16"),
                        ("output_tokens", "8")):  # fmt: skip
        form.query_one(f"#{name}", Input).value = value
    return form


@pytest.mark.process
async def test_a_run_is_measured_kept_and_forgotten(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("alt+4")
        screen = app.screen
        assert isinstance(screen, BenchScreen)
        await pilot.press("n")
        await filled(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(screen.runs) == 1)
        assert screen.course.outcome.startswith(("Done", "Void"))
        assert screen.course.began is not None
        assert screen.course.began.n_requests == 8
        newest = next(iter(screen.runs.values()))
        assert newest.condition.endswith("2 at once")
        assert newest.figures["ttft_ms:p50"].value > 0
        assert "first token p50" in text(app)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: newest.id not in screen.runs)


@pytest.mark.process
async def test_a_run_is_ended_early(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("alt+4")
        screen = app.screen
        assert isinstance(screen, BenchScreen)
        await pilot.press("n")
        form = await filled(pilot)
        form.query_one("#requests", Input).value = "100000"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(screen.course.samples) > 2)
        assert "requests" in text(app)
        await pilot.press("x")
        await until(pilot, lambda: bool(screen.course.outcome))
        assert screen.course.outcome.startswith(("Ended early", "Void"))


async def test_curves_are_drawn_of_a_run_that_goes_on() -> None:
    shown = VelocityApp(Session(ClosedDoor()))
    async with shown.run_test(size=(120, 40)) as pilot:
        await bench(pilot)
        await pilot.pause()
        plot = shown.screen.query_one(FirstTokenPlot)
        lines = text(shown).split("\n")[plot.region.y : plot.region.bottom]
        inside = "".join(line[plot.region.x : plot.region.right] for line in lines)
        assert sum(ord(char) in BRAILLE for char in inside) > 20
        assert f"p99 {course().samples[-1].ttft_p99_ms:.0f}" in inside


async def test_two_runs_stand_side_by_side() -> None:
    shown = VelocityApp(Session(ClosedDoor()))
    async with shown.run_test(size=(120, 40)) as pilot:
        await compared(pilot)
        await until(pilot, lambda: "unclear" in text(shown))


@pytest.mark.process
def test_what_our_command_line_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    environ = {**os.environ, "VELOCITY_HOME": str(tmp_path)}
    measuring = Measuring(Plan("demo").arguments(), environ)
    while (failure := measuring.take()[1]) is None:
        time.sleep(0.01)
    assert failure.startswith("the daemon does not run")
    with pytest.raises(CommandFailed, match="no kept run"):
        told(("lens", "compare", "this", "that"), environ, ComparisonDocument)
