"""The terminal UI put together: session, screens, themes, keys. Draws and asks nothing itself."""

from collections.abc import Iterable

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from velocity_local.client.errors import ClientError
from velocity_local.core.printable import printable
from velocity_tui import themes
from velocity_tui.messages import SnapshotArrived
from velocity_tui.places import PLACES
from velocity_tui.screens.home import HomeScreen
from velocity_tui.screens.page import Page
from velocity_tui.session import Session
from velocity_tui.state import Snapshot
from velocity_tui.widgets.masthead import Tab


class VelocityApp(App[None]):
    """The daemon at the keyboard."""

    TITLE = "velocity-local"
    CSS_PATH = "app.tcss"
    MODES = {"home": HomeScreen}  # noqa: RUF012 - Textual's own annotation is not a ClassVar
    DEFAULT_MODE = "home"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - as above
    BINDINGS = [  # noqa: RUF012 - as above
        *(
            Binding(
                place.key,
                f"go('{place.mode}')",
                place.title,
                id=f"go.{place.mode}",
                tooltip=f"Show {place.title}",
                show=False,
            )
            for place in PLACES
        ),
        Binding("f1", "toggle_help", "Keys", id="help", tooltip="List the keys of this screen"),
        Binding("f9", "start_daemon", "Start", id="start", tooltip="Start the daemon", show=False),
        Binding("ctrl+q", "quit", "Quit", id="quit", tooltip="Leave; the daemon goes on"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.snapshot = Snapshot()
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.DEFAULT

    def on_mount(self) -> None:
        self.run_worker(self.session.watch(self._tell), name="watch")

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        self.snapshot = message.snapshot
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page):
                screen.show(message.snapshot)

    def on_tab_chosen(self, message: Tab.Chosen) -> None:
        self.switch_mode(message.mode)

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_toggle_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    @work(exclusive=True, group="start")
    async def action_start_daemon(self) -> None:
        try:
            await self.session.start_daemon()
        except ClientError as error:
            self.notify(printable(str(error)), severity="error", markup=False, timeout=15)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for place in PLACES:
            yield SystemCommand(
                place.title,
                f"Go to {place.title}",
                lambda mode=place.mode: self.switch_mode(mode),
            )
        yield SystemCommand("Start the daemon", "If it does not run", self.action_start_daemon)

    def _tell(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotArrived(snapshot))
