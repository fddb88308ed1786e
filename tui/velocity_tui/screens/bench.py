"""Measurements: a run drawn as it goes on, the runs that are kept, two of them side by side."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.widgets import Static

from velocity_local.core.printable import printable
from velocity_local.core.units import duration, moment
from velocity_tui.bench import Course, KeptRun, Plan, advanced
from velocity_tui.plots import meter
from velocity_tui.programs import Measuring
from velocity_tui.screens.compared import Compared
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.page import Page
from velocity_tui.screens.plan_run import PlanRun
from velocity_tui.widgets.course import (
    BetweenTokensPlot,
    CoursePlot,
    FirstTokenPlot,
    ThroughputPlot,
)
from velocity_tui.widgets.figures import TITLES, read
from velocity_tui.widgets.grid import Cell
from velocity_tui.widgets.rows import Rows
from velocity_tui.widgets.trend import RunTrend

_LOOKS_PER_S = 4
_LISTED = 200
_METER = 24
_FIGURES = ("ttft_ms:p50", "itl_ms:p50", "total_output_tokens_per_s:mean")


class BenchScreen(Page):
    MODE = "bench"
    CSS_PATH = "bench.tcss"
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New run", id="bench.new", tooltip="Measure the daemon under a load"),
        Binding("x", "stop", "End", id="bench.stop", tooltip="End the run; its part is kept"),
        Binding("space", "mark", "Mark", id="bench.mark", tooltip="The run to compare others with"),
        Binding("c", "compare", "Compare", id="bench.compare",
                tooltip="The marked run, or the one before, with this one"),
        Binding("f", "figure", "Figure", id="bench.figure", tooltip="Show the trend of another"),
        Binding("d", "delete", "Delete", id="bench.delete", tooltip="Forget this run"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.course = Course()
        self.runs: dict[str, KeptRun] = {}
        self.marked: str | None = None
        self.figure = _FIGURES[0]
        self._measuring: Measuring | None = None
        self._plan = Plan(model="")

    def compose_body(self) -> ComposeResult:
        yield Static("", id="course", markup=False)
        with Horizontal(id="plots"):
            yield ThroughputPlot(id="rates")
            yield FirstTokenPlot(id="first")
            yield BetweenTokensPlot(id="between")
        with Container(id="kept"):
            yield Rows(
                *("", "WHEN", "NAME", "MODEL", "LOAD", "TTFT", "ITL", "TOK/S", "CONDITION"),
                id="runs",
            )
            yield RunTrend(id="trend")

    def on_mount(self) -> None:
        self.query_one("#trend").border_title = "Figures and trend"
        self.query_one("#runs").border_title = "Kept runs"
        self.set_interval(1 / _LOOKS_PER_S, self._look)
        self.load_runs()
        self._tell()

    @work(exclusive=True, group="runs")
    async def load_runs(self) -> None:
        found = await self.attempt(self.session.kept_runs(_LISTED))
        if found is not None:
            is_new = bool(found) and found[0].id not in self.runs
            self.runs = {run.id: run for run in found}
            self._fill()
            if is_new:
                self.query_one(Rows).move_cursor(row=0)

    def on_data_table_row_highlighted(self) -> None:
        self._show_trend()

    @work(exclusive=True, group="new")
    async def action_new(self) -> None:
        if self.is_measuring:
            self.notify("One run at a time: X ends the one that goes on.", severity="warning")
            return
        found = await self.attempt(self.session.models())
        names = [model.id for model in found or () if not model.is_embedding]
        if not names:
            self.notify("No model to measure: fetch one under Models.", severity="warning")
            return
        plan = await self.app.push_screen_wait(PlanRun(names, self._plan))
        if plan is not None:
            self.begin(plan)

    def begin(self, plan: Plan) -> None:
        """Measure it. No other run goes on."""
        self._plan = plan
        self.course = Course(preparing="starting")
        self._measuring = self.session.measure(plan)
        self._tell()

    def action_stop(self) -> None:
        if self._measuring is not None:
            self._measuring.stop()

    def action_mark(self) -> None:
        key = self.query_one(Rows).key_at_cursor
        self.marked = None if key == self.marked else key
        self._fill()

    @work(exclusive=True, group="compare")
    async def action_compare(self) -> None:
        after = self._pointed_at
        before = self.runs.get(self.marked or "") or self._before(after)
        if after is None or before is None or before.id == after.id:
            self.notify("Mark a run with Space, then point at the other one.", severity="warning")
            return
        found = await self.attempt(self.session.compared(before.id, after.id))
        if found is not None:
            await self.app.push_screen_wait(Compared(found, before, after))

    def action_figure(self) -> None:
        names = list(TITLES)
        self.figure = names[(names.index(self.figure) + 1) % len(names)]
        self._show_trend()

    @work(group="delete")
    async def action_delete(self) -> None:
        run = self._pointed_at
        if run is None:
            return
        question = Confirm("Forget a run", f"{run.name}, {run.id}: {run.condition}")
        if await self.app.push_screen_wait(question):
            await self.attempt(self.session.forget_run(run.id))
            self.load_runs()

    def _look(self) -> None:
        """On the clock: what the run has told since."""
        if self._measuring is None:
            return
        events, failure = self._measuring.take()
        if events:
            self.course = advanced(self.course, events)
        if failure is not None:
            self._measuring = None
            self.load_runs()
        if failure:
            self.course = Course(self.course.began, "", self.course.samples, f"Failed: {failure}")
        if self.is_current:
            self._tell()

    def _tell(self) -> None:
        line = state_line(self.course, is_running=self.is_measuring)
        self.query_one("#course", Static).update(line, layout=False)
        for plot in self.query(CoursePlot):
            plot.show(self.course)

    def _fill(self) -> None:
        lines = [(run.id, _row(run, is_marked=run.id == self.marked)) for run in self.runs.values()]
        self.query_one(Rows).fill(lines)
        self._show_trend()

    def _show_trend(self) -> None:
        run = self._pointed_at
        alike = [] if run is None else self._alike(run)
        self.query_one(RunTrend).show(run, alike, self.figure)

    def _alike(self, run: KeptRun) -> list[KeptRun]:
        """Runs of the same condition and model, oldest first."""
        key = (run.condition, run.model)
        found = [each for each in self.runs.values() if (each.condition, each.model) == key]
        return sorted(found, key=lambda each: each.started_at_s)

    def _before(self, run: KeptRun | None) -> KeptRun | None:
        """The newest one alike that is older."""
        if run is None:
            return None
        older = [each for each in self._alike(run) if each.started_at_s < run.started_at_s]
        return older[-1] if older else None

    @property
    def is_measuring(self) -> bool:
        """Whether a run goes on, or is being kept."""
        return self._measuring is not None

    @property
    def _pointed_at(self) -> KeptRun | None:
        return self.runs.get(self.query_one(Rows).key_at_cursor or "")


def state_line(course: Course, *, is_running: bool) -> Content:
    """What goes on, in a line."""
    if course.outcome:
        return Content.styled(printable(course.outcome), "$muted")
    if not is_running:
        return Content.styled("N measures the daemon under a load. Runs are kept here.", "$muted")
    if course.began is None or not course.samples:
        return Content.styled(f"… {printable(course.preparing or 'warming up')}", "$warning")
    last, began = course.samples[-1], course.began
    goal = f" of {began.n_requests}" if began.n_requests else ""
    share = course.share
    return Content.assemble(
        (printable(f"{began.name} · {began.model}  "), "bold"),
        ("" if share is None else meter(share, _METER), "$success on $surface"),
        f"  {last.n_done}{goal} requests · {last.n_running} running · {duration(last.elapsed_s)}",
        (f" · {last.n_failed} failed" if last.n_failed else "", "bold $error"),
        ("  X ends it", "$muted"),
    )


def _row(run: KeptRun, *, is_marked: bool) -> list[Cell]:
    name_style = "$warning" if run.void_reason else "bold"
    return [
        ("◆" if is_marked else "", "$accent"),
        (moment(run.started_at_s)[5:16], "$muted"),
        (f"{run.name} (void)" if run.void_reason else run.name, name_style),
        (run.model, ""),
        (run.condition.rpartition(", ")[2], "$muted"),
        *((_figure(run, name), "") for name in _FIGURES),
        (run.condition, "$muted"),
    ]


def _figure(run: KeptRun, name: str) -> str:
    found = run.figures.get(name)
    return "" if found is None else read(name, found.value)
