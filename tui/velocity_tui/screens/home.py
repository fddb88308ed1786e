"""The daemon at a glance."""

from textual.app import ComposeResult
from textual.containers import Container, Horizontal

from velocity_tui.screens.page import Page
from velocity_tui.state import Snapshot
from velocity_tui.widgets.alerts import Alerts
from velocity_tui.widgets.machine import Machine
from velocity_tui.widgets.panel import Panel
from velocity_tui.widgets.recent import Recent
from velocity_tui.widgets.throughput import Throughput
from velocity_tui.widgets.tiers import Tiers
from velocity_tui.widgets.workers import Workers


class HomeScreen(Page):
    MODE = "home"
    CSS_PATH = "home.tcss"

    def compose_body(self) -> ComposeResult:
        yield Alerts()
        with Horizontal(id="gauges"):
            yield Throughput(id="throughput")
            yield Machine(id="machine")
        with Container(id="memory"):
            yield Workers(id="workers")
            yield Tiers(id="tiers")
        yield Recent(id="recent")

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        self.query_one(Alerts).show(snapshot)
        for panel in self.query(Panel):
            panel.show(snapshot)
