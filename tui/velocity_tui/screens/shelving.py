"""What a screen does that has the list of kept conversations beside it."""

from textual import work

from velocity_local.core.conversations import Conversation
from velocity_local.core.printable import printable
from velocity_local.wire.http.conversations import ConversationChange
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.confirm import Confirm
from velocity_tui.screens.page import Page
from velocity_tui.state import Snapshot, Up
from velocity_tui.widgets.shelf import Shelf

WIDE = 120
"""Columns from which on there is room for the list without anybody asking for it."""
_TITLE_CHARS = 200


class Shelving(Page):
    """Fills the list, and opens, renames and deletes what is on it."""

    def __init__(self) -> None:
        super().__init__()
        self._n_kept = 0

    def on_mount(self) -> None:
        self.query_one(Shelf).set_class(self.app.size.width >= WIDE, "-shown")

    @property
    def current(self) -> str:
        """The id of the conversation that is open."""
        raise NotImplementedError

    async def open_conversation(self, conversation: Conversation) -> None:
        """Show this one."""
        raise NotImplementedError

    async def begin_conversation(self) -> None:
        """Show a new one."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """The list is asked for again once more has been kept."""
        super().show(snapshot)
        n_kept = self.session.keeping.n_done
        if n_kept != self._n_kept and isinstance(snapshot.link, Up):
            self._n_kept = n_kept
            self.fill_shelf()

    def load(self) -> None:
        self.fill_shelf()

    @work(exclusive=True, group="shelf")
    async def fill_shelf(self) -> None:
        shelf = self.query_one(Shelf)
        found = await self.attempt(self.session.conversations(shelf.text))
        if found is not None:
            shelf.show(found, self.current)

    def on_shelf_searched(self) -> None:
        self.fill_shelf()

    @work(exclusive=True, group="open")
    async def on_shelf_open_asked(self, message: Shelf.OpenAsked) -> None:
        found = await self.attempt(self.session.conversation(message.summary.id))
        if found is not None:
            await self.open_conversation(found)

    @work
    async def on_shelf_delete_asked(self, message: Shelf.DeleteAsked) -> None:
        summary = message.summary
        what = f"{summary.title}\n\nIts {summary.n_turns} turns are forgotten."
        if not await self.app.push_screen_wait(Confirm("Delete a conversation", what)):
            return
        deleted = self.session.delete_conversation(summary.id)
        if await self.attempt(deleted) is not None:
            if summary.id == self.current:
                await self.begin_conversation()
            self.fill_shelf()

    @work
    async def on_shelf_rename_asked(self, message: Shelf.RenameAsked) -> None:
        summary = message.summary
        title = await self.app.push_screen_wait(
            AskText("Title", value=printable(summary.title), check=_too_long)
        )
        if title is not None:
            change = ConversationChange(title=title)
            await self.attempt(self.session.change_conversation(summary.id, change))
            self.fill_shelf()


def _too_long(title: str) -> str:
    return f"at most {_TITLE_CHARS} characters" if len(title) > _TITLE_CHARS else ""
