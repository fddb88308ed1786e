"""What the machine does, process by process and cell by cell, and the logs."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, RichLog, Static

from velocity_local.core.printable import printable
from velocity_tui import logtail
from velocity_tui.logtail import Wanted
from velocity_tui.screens.page import Page
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.cores import Cores
from velocity_tui.widgets.kvmap import KvMap
from velocity_tui.widgets.machine import Machine
from velocity_tui.widgets.panel import Panel
from velocity_tui.widgets.processes import Processes
from velocity_tui.widgets.slots import Slots
from velocity_tui.widgets.workers import Workers

N_LINES = 500
_KEPT = 5000
_COLOURS = {"debug": "muted", "warning": "warning", "error": "error"}


class MonitorScreen(Page):
    MODE = "monitor"
    CSS_PATH = "monitor.tcss"
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="log.search",
                tooltip="Only lines that hold a text"),
        Binding("v", "level", "Level", id="log.level", tooltip="Only lines so severe"),
        Binding("m", "source", "Log of", id="log.source", tooltip="The daemon's, or a model's"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Wanted()
        self.source: str | None = None
        self.lines: list[str] = []
        self._sources: tuple[str | None, ...] = (None,)

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="panels"):
            yield Machine(id="machine")
            yield Slots(id="slots")
            yield KvMap(id="kvmap")
            yield Cores(id="cores")
            yield Workers(id="workers")
            yield Processes(id="processes")
        yield Static("", id="log-of", markup=False)
        yield Input(placeholder="Only lines that hold", id="search", compact=True)
        yield RichLog(
            id="log", max_lines=_KEPT, min_width=0, wrap=True, markup=False, highlight=False
        )

    def on_mount(self) -> None:
        self.query_one("#search", Input).display = False
        self.set_interval(1.0, self._look)

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        self._sources = (None, *(worker.model for worker in snapshot.workers))
        for panel in self.query(Panel):
            panel.show(snapshot)

    @work(exclusive=True, group="log")
    async def load(self) -> None:
        """Show what has been written since the last look."""
        answer = await self.attempt(self.session.log_lines(N_LINES, self.source))
        if answer is None:
            return
        fresh = logtail.added(self.lines[-N_LINES:], answer.items)
        self.lines = [*self.lines, *fresh][-_KEPT:]
        self._write(fresh)
        self._tell_which()

    def on_input_changed(self, message: Input.Changed) -> None:
        self._want(Wanted(self.wanted.level, message.value))

    def on_input_submitted(self) -> None:
        self.query_one(RichLog).focus()

    def action_search(self) -> None:
        search = self.query_one("#search", Input)
        search.display = True
        search.focus()

    def action_level(self) -> None:
        self._want(self.wanted.next_level())

    def action_source(self) -> None:
        sources = self._sources
        at = sources.index(self.source) if self.source in sources else 0
        self.source = sources[(at + 1) % len(sources)]
        self.lines = []
        self.query_one(RichLog).clear()
        self.load()

    def _look(self) -> None:
        if self.is_current and isinstance(self.velocity.snapshot.link, Up):
            self.load()

    def _want(self, wanted: Wanted) -> None:
        if wanted == self.wanted:
            return
        self.wanted = wanted
        self.query_one(RichLog).clear()
        self._write(self.lines)
        self._tell_which()

    def _write(self, lines: Sequence[str]) -> None:
        log, colours = self.query_one(RichLog), self.app.theme_variables
        for line in lines:
            if self.wanted.holds(line):
                colour = colours.get(_COLOURS.get(logtail.level_of(line), ""), "")
                log.write(Text(printable(line), style=colour), expand=True)

    def _tell_which(self) -> None:
        source = "the daemon" if self.source is None else printable(self.source)
        level = "all lines" if self.wanted.level == "debug" else f"{self.wanted.level} and worse"
        self.query_one("#log-of", Static).update(f"Log of {source} · {level}", layout=False)
