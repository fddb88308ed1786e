"""The first line of every screen: where one can go, and how the daemon is."""

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from velocity_local.core.printable import printable
from velocity_tui.state import Down, Looking, Refused, Snapshot, Starting, Up


@dataclass(frozen=True, slots=True)
class Place:
    """A screen by its mode, with the key that leads there."""

    mode: str
    title: str
    key: str


class Tab(Static):
    """One place; a click goes there."""

    class Chosen(Message):
        """Somebody wants to see the screen of `mode`."""

        def __init__(self, mode: str) -> None:
            super().__init__()
            self.mode = mode

    def __init__(self, place: Place, *, is_current: bool) -> None:
        title = Content.assemble((place.key, "" if is_current else "$muted"), f" {place.title}")
        super().__init__(title, classes="-current" if is_current else "")
        self._mode = place.mode

    def on_click(self) -> None:
        self.post_message(self.Chosen(self._mode))


class Masthead(Horizontal):
    """Tabs at the left, the daemon's state at the right."""

    def __init__(self, places: tuple[Place, ...], current: str) -> None:
        super().__init__()
        self._places = places
        self._current = current
        self._state = Static("", id="daemon-state", markup=False)
        self._shown: Content | None = None

    def compose(self) -> ComposeResult:
        for place in self._places:
            yield Tab(place, is_current=place.mode == self._current)
        yield self._state

    def show(self, snapshot: Snapshot) -> None:
        content = state_line(snapshot)
        if self._shown is not None and content.is_same(self._shown):
            return
        self._shown = content
        self._state.update(content)


def state_line(snapshot: Snapshot) -> Content:
    """A dot and an address, or a word."""
    match snapshot.link:
        case Up(address):
            healthy = snapshot.status is not None and not snapshot.status.degraded
            style = "$success" if healthy else "$warning"
            return Content.assemble(("● ", style), printable(address.partition("://")[2]))
        case Looking():
            return Content.styled("looking", "$muted")
        case Starting():
            return Content.styled("◌ starting", "$warning")
        case Down(_, can_start):
            return Content.styled(f"● no daemon{' · F9' if can_start else ''}", "bold $error")
        case Refused():
            return Content.styled("● refused", "bold $error")
