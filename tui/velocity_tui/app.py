"""The terminal UI put together: session, screens, themes, keys. Draws and asks nothing itself."""

from collections.abc import Iterable

from textual import work
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from velocity_local.client.errors import ClientError
from velocity_local.core.printable import printable
from velocity_tui import alt_keys, files, themes
from velocity_tui.copying import text_of
from velocity_tui.messages import SnapshotArrived
from velocity_tui.places import PLACES
from velocity_tui.proposal import propose
from velocity_tui.screens.bench import BenchScreen
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.screens.history import HistoryScreen
from velocity_tui.screens.home import HomeScreen
from velocity_tui.screens.jump import Jump, targets
from velocity_tui.screens.models import ModelsScreen
from velocity_tui.screens.monitor import MonitorScreen
from velocity_tui.screens.page import Page
from velocity_tui.screens.settings import SettingsScreen
from velocity_tui.screens.welcome import Welcome
from velocity_tui.session import DEMO, Session
from velocity_tui.state import Down, Snapshot, Up
from velocity_tui.widgets.masthead import Tab


class VelocityApp(App[None]):
    """The daemon at the keyboard."""

    TITLE = "velocity-local"
    CSS_PATH = "app.tcss"
    MODES = {  # noqa: RUF012 - Textual's own annotation is not a ClassVar
        "home": HomeScreen,
        "chat": ChatScreen,
        "models": ModelsScreen,
        "bench": BenchScreen,
        "history": HistoryScreen,
        "monitor": MonitorScreen,
        "settings": SettingsScreen,
    }
    DEFAULT_MODE = "home"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - as above
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - as above
    BINDINGS = [  # noqa: RUF012 - as above
        *(
            Binding(
                f"{place.key},alt+{place.key}",
                f"go('{place.mode}')",
                place.title,
                id=f"go.{place.mode}",
                tooltip=f"Show {place.title}",
                show=False,
            )
            for place in PLACES
        ),
        Binding("ctrl+pagedown", "step(1)", "Next screen", id="next", show=False, priority=True,
                tooltip="Show the screen to the right"),
        Binding("ctrl+pageup", "step(-1)", "Screen before", id="before", show=False, priority=True,
                tooltip="Show the screen to the left"),
        Binding("ctrl+g", "jump", "Jump", id="jump", show=False, priority=True,
                tooltip="Go to any pane by a letter"),
        Binding("alt+c", "copy", "Copy", id="copy", show=False,
                tooltip="Copy the text of the pane in focus, or of the screen"),
        Binding("f1", "toggle_help", "Keys", id="help", tooltip="List the keys of this screen"),
        Binding("f9", "start_daemon", "Start", id="start",
                tooltip="Start the daemon"),
        Binding("ctrl+q", "quit", "Quit", id="quit", tooltip="Leave; the daemon goes on"),
    ]  # fmt: skip

    def __init__(self, session: Session, *, greets: bool = False) -> None:
        """`greets` has the first run proposed where the daemon was never asked anything."""
        super().__init__()
        alt_keys.teach()
        self._greets = greets
        self.session = session
        self.snapshot = Snapshot()
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(themes.VARIABLES)

    def on_mount(self) -> None:
        self.run_worker(self.session.watch(self._tell), name="watch")
        self.run_worker(self.session.keeping.run(self._tell_wrong), name="keeping")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "start_daemon":
            return isinstance(self.snapshot.link, Down) and self.snapshot.link.can_start
        return super().check_action(action, parameters)

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        has_moved = type(message.snapshot.link) is not type(self.snapshot.link)
        self.snapshot = message.snapshot
        if has_moved:
            self.refresh_bindings()
        if self._greets and isinstance(message.snapshot.link, Up):
            self._greets = False
            self.greet()
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Page) and screen.is_there:
                screen.show(message.snapshot)

    def on_tab_chosen(self, message: Tab.Chosen) -> None:
        self.switch_mode(message.mode)

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_step(self, by: int) -> None:
        modes = [place.mode for place in PLACES]
        self.switch_mode(modes[(modes.index(self.current_mode) + by) % len(modes)])

    def action_toggle_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    @work(exclusive=True, group="jump")
    async def action_jump(self) -> None:
        screen = self.screen
        if not isinstance(screen, Page):
            return
        chosen = await self.push_screen_wait(Jump(targets([*screen.query("*")])))
        if chosen is not None:
            chosen.focus()

    def action_copy(self) -> None:
        focused = self.focused
        text = "" if focused is None else text_of(focused)
        text = text or text_of(self.screen)
        self.copy_to_clipboard(text)
        self.notify(f"{len(text)} characters are in the clipboard, if the terminal allows it.")

    @work(exclusive=True, group="start")
    async def action_start_daemon(self) -> None:
        try:
            await self.session.start_daemon()
        except ClientError as error:
            self.notify(printable(str(error)), severity="error", markup=False, timeout=15)

    @work(exclusive=True, group="greet")
    async def greet(self) -> None:
        try:
            if await self.session.is_untouched():
                await self._welcome()
        except ClientError as error:
            self._tell_wrong(str(error))

    @work(exclusive=True, group="greet")
    async def action_welcome(self) -> None:
        try:
            await self._welcome()
        except ClientError as error:
            self._tell_wrong(str(error))

    async def _welcome(self) -> None:
        system = await self.session.system()
        shipped = await self.session.shipped_models("chat")
        models = [model.id for model in await self.session.models()]
        proposal = propose(shipped, system.disk_free_bytes)
        demo = DEMO if DEMO in models else None
        chosen = await self.push_screen_wait(Welcome(self.session, system, proposal, demo))
        if chosen is not None:
            await self.talk_to(chosen)

    async def talk_to(self, model: str) -> None:
        """Show Chat, with this model."""
        await self.switch_mode("chat")
        screen = self.screen
        if isinstance(screen, ChatScreen):
            screen.talk_to(model)

    def save(self, name: str, data: bytes) -> None:
        """Write a file that a person asked for, and tell how it went."""
        try:
            path = files.save(name, data)
        except files.NotSaved as error:
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            self.notify(printable(f"Saved to {path}"), markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for place in PLACES:
            yield SystemCommand(
                place.title,
                f"Go to {place.title}",
                lambda mode=place.mode: self.switch_mode(mode),
            )
        yield SystemCommand("Jump", "Go to any pane by a letter", self.action_jump)
        yield SystemCommand(
            "Copy", "The text of the pane in focus, or of the screen", self.action_copy
        )
        yield SystemCommand(
            "Choose a first model", "What fits this machine, and why", self.action_welcome
        )
        yield SystemCommand("Start the daemon", "If it does not run", self.action_start_daemon)

    def _tell_wrong(self, what: str) -> None:
        self.notify(printable(what), severity="error", markup=False)

    def _tell(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotArrived(snapshot))
