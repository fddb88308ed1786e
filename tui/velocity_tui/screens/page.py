"""The frame of every screen: masthead, body, footer."""

from collections.abc import Awaitable
from typing import ClassVar, Protocol, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer

from velocity_local.client.errors import ClientError
from velocity_local.core.printable import printable
from velocity_tui.places import PLACES
from velocity_tui.session import Session
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.masthead import Masthead

T = TypeVar("T")


class Velocity(Protocol):
    """What the app is to its screens."""

    session: Session
    snapshot: Snapshot

    async def talk_to(self, model: str) -> None:
        """Show Chat, with this model."""

    def save(self, name: str, data: bytes) -> None:
        """Write a file that a person asked for, and tell how it went."""


class Page(Screen[None]):
    """A place. Given snapshots only while it is seen; `show` hands them to its widgets."""

    MODE: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self._is_up = False

    def compose(self) -> ComposeResult:
        yield Masthead(PLACES, self.MODE)
        with Container(id="body"):
            yield from self.compose_body()
        yield Footer()

    def compose_body(self) -> ComposeResult:
        raise NotImplementedError

    def on_mount(self) -> None:
        self.show(self.velocity.snapshot)

    def on_screen_resume(self) -> None:
        self._is_up = False
        self.show(self.velocity.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Draw it; what else the screen needs is asked for as soon as the daemon can be asked."""
        self.query_one(Masthead).show(snapshot)
        was_up, self._is_up = self._is_up, isinstance(snapshot.link, Up)
        if self._is_up and not was_up:
            self.load()

    def load(self) -> object:
        """Ask for what a snapshot does not hold. Called when the screen comes into view, and when
        the daemon comes back.
        """
        return None

    async def attempt(self, question: Awaitable[T]) -> T | None:
        """The answer; None if there is none, which is then told, or nobody is there to see it."""
        try:
            answer = await question
        except ClientError as error:
            if self.is_there:
                self.notify(printable(str(error)), severity="error", markup=False)
            return None
        return answer if self.is_there else None

    @property
    def is_there(self) -> bool:
        """Whether it has its widgets: not before they are made, nor while the program ends."""
        return self.is_mounted and self.app.is_running

    @property
    def velocity(self) -> Velocity:
        return cast("Velocity", self.app)

    @property
    def session(self) -> Session:
        return self.velocity.session
