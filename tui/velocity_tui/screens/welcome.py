"""The first run: what this machine has, one model that fits it, and the way to Chat."""

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from velocity_local.client.errors import ClientError
from velocity_local.core.downloads import Download
from velocity_local.core.printable import printable
from velocity_local.core.units import duration, size
from velocity_local.wire.http.admin import SystemAnswer
from velocity_tui.plots import meter
from velocity_tui.proposal import Proposal, machine
from velocity_tui.screens.dialog import Dialog
from velocity_tui.session import Session

LOOKS_PER_S = 2
_METER = 40
_NOTHING = (
    "No model of the list that is shipped fits. The demo model shows how everything works; "
    "in Models, P fetches any other."
)


class Welcome(Dialog[str]):
    """Gives the model to talk to. A download goes on if it is left."""

    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "fetch", "Fetch", id="welcome.fetch", tooltip="Fetch the proposed model"),
        Binding("d", "demo", "Demo", id="welcome.demo", tooltip="Talk to the demo model now"),
        Binding("x", "cancel", "Cancel", id="welcome.cancel", tooltip="End the download"),
    ]

    def __init__(
        self, session: Session, system: SystemAnswer, proposal: Proposal | None, demo: str | None
    ) -> None:
        super().__init__("Welcome to velocity-local")
        self._session = session
        self._system = system
        self._proposal = proposal
        self._demo = demo
        self._download: Download | None = None

    def compose_inside(self) -> ComposeResult:
        yield Static(Content(printable(machine(self._system))), id="found")
        yield Static(self._proposed(), id="proposed")
        yield Static("", id="progress", markup=False)
        yield Static("", id="wrong", markup=False)
        with Horizontal(id="ways"):
            if self._proposal is not None:
                yield Button("Fetch it  F", id="fetch", variant="primary", compact=True)
            if self._demo is not None:
                yield Button("Demo model now  D", id="demo", compact=True)

    def on_mount(self) -> None:
        self._tell("")
        self._tell_wrong("")
        self.set_interval(1 / LOOKS_PER_S, self._look)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing are not offered."""
        if action == "fetch":
            return self._proposal is not None and self._download is None
        if action == "cancel":
            return self._download is not None
        if action == "demo":
            return self._demo is not None
        return super().check_action(action, parameters)

    def on_button_pressed(self, message: Button.Pressed) -> None:
        if message.button.id == "fetch":
            self.action_fetch()
        else:
            self.action_demo()

    @work(exclusive=True, group="fetch")
    async def action_fetch(self) -> None:
        if self._proposal is None or self._download is not None:
            return
        self._tell(f"asking the hub for {self._proposal.pull} …")
        try:
            self._follow(await self._session.pull(self._proposal.pull))
        except ClientError as error:
            self._tell("")
            self._tell_wrong(f"{error}\nD goes on with the demo model.")

    def action_demo(self) -> None:
        self.dismiss(self._demo)

    @work(group="fetch")
    async def action_cancel(self) -> None:
        if self._download is not None:
            try:
                self._follow(await self._session.cancel_download(self._download.id))
            except ClientError as error:
                self._tell_wrong(str(error))

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        if self._download is None:
            return
        try:
            self._follow(await self._session.download(self._download.id))
        except ClientError as error:
            self._tell_wrong(f"{error}; it is asked again")

    def _follow(self, download: Download) -> None:
        self._tell_wrong("")
        match download.state:
            case "done":
                self.dismiss(download.model)
            case "failed" | "cancelled":
                self._download = None
                self._tell("")
                self._tell_wrong(download.error or "Nothing was fetched. F tries again.")
            case _:
                self._download = download
                self._tell(_progress(download))
        self.query_one("#ways").display = self._download is None
        self.refresh_bindings()

    def _proposed(self) -> Content:
        if self._proposal is None:
            return Content(_NOTHING)
        reasons = (f"\n· {printable(reason)}" for reason in self._proposal.reasons)
        return Content.assemble(
            "To begin with: ", (printable(self._proposal.name), "bold $primary"), *reasons
        )

    def _tell(self, text: str) -> None:
        self._say("#progress", text)

    def _tell_wrong(self, text: str) -> None:
        self._say("#wrong", text)

    def _say(self, where: str, text: str) -> None:
        shown = self.query_one(where, Static)
        shown.update(Content(printable(text)))
        shown.display = bool(text)


def _progress(download: Download) -> str:
    share = download.done_bytes / download.total_bytes if download.total_bytes else 0.0
    left_bytes = download.total_bytes - download.done_bytes
    speed = download.bytes_per_s
    left = f" · {duration(left_bytes / speed)} left" if speed > 0 else ""
    return (
        f"{meter(share, _METER)} {share:4.0%} of {size(download.total_bytes)}\n"
        f"{download.state} · {size(round(speed))}/s{left} · X cancels, Esc leaves it going, "
        "D talks to the demo meanwhile"
    )
