"""The conversation so far, kept at its end unless somebody scrolled up."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from velocity_tui.conversation import Place
from velocity_tui.widgets.prose import Page
from velocity_tui.widgets.turns import Question, Reply

MAX_SHOWN = 60
"""Turns that are laid out; those before them are in the export."""
_WELCOME = "Nothing has been said yet."


class Transcript(VerticalScroll, can_focus=False):
    """Questions and replies from top to bottom."""

    def compose(self) -> ComposeResult:
        yield Static(_WELCOME, id="welcome", markup=False)

    def on_mount(self) -> None:
        self.anchor()
        for moved in ("scroll_y", "virtual_size"):
            self.watch(self, moved, self._fold_soon, init=False)

    @property
    def shown(self) -> list[Question | Reply]:
        return [child for child in self.children if isinstance(child, Question | Reply)]

    def reply(self, turn: str) -> Reply:
        """The display of that answer, which must be there."""
        return next(
            shown for shown in self.shown if isinstance(shown, Reply) and shown.turn.id == turn
        )

    async def show(self, path: Sequence[Place]) -> None:
        """Show this path. What is there already stays; an answer without text waits for it."""
        wanted = path[-MAX_SHOWN:]
        shown = self.shown
        n_same = 0
        for widget, place in zip(shown, wanted, strict=False):
            if widget.turn.id != place.turn.id:
                break
            widget.place(place)
            n_same += 1
        await self.remove_children(shown[n_same:])
        fresh = [_widget(place) for place in wanted[n_same:]]
        await self.mount_all(fresh)
        for widget in fresh:
            if isinstance(widget, Reply) and widget.turn.note:
                await widget.fill()
        self._tell_beginning(len(path), len(path) - len(wanted))
        self.anchor()

    def _fold_soon(self) -> None:
        """Where everything is, is known once it is drawn."""
        self.call_after_refresh(self._fold_far)

    def _fold_far(self) -> None:
        """Lay out what is in view, and a screen of lines before and behind it."""
        near = self.region.grow((self.size.height, 0, self.size.height, 0))
        for page in self.query(Page):
            if page.region.overlaps(near):
                page.unfold()
            else:
                page.fold()

    def _tell_beginning(self, n_turns: int, n_hidden: int) -> None:
        welcome = self.query_one("#welcome", Static)
        welcome.display = not n_turns or n_hidden > 0
        welcome.update(
            _WELCOME if not n_turns else f"{n_hidden} turns before this are not shown; F8 saves all"
        )


def _widget(place: Place) -> Question | Reply:
    return Question(place) if place.turn.role == "user" else Reply(place)
