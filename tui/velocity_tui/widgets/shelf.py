"""The conversations that are kept, found by what was said in them."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from velocity_local.core.conversations import Summary
from velocity_local.core.printable import printable
from velocity_local.core.units import moment

_TO_THE_MINUTE = len("2026-01-01 12:00")


class Shelf(Vertical):
    """A search field above the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "forget", "Delete", id="shelf.delete", tooltip="Delete the conversation"),
        Binding("ctrl+n", "rename", "Rename", id="shelf.rename", tooltip="Give it another title"),
    ]

    class Searched(Message):
        """Somebody looks for `text`."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class About(Message):
        """Somebody wants something of this conversation."""

        def __init__(self, summary: Summary) -> None:
            super().__init__()
            self.summary = summary

    class OpenAsked(About):
        """To see it."""

    class DeleteAsked(About):
        """To have it deleted."""

    class RenameAsked(About):
        """To give it another title."""

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "Conversations"
        self._items: tuple[Summary, ...] = ()
        self._search = Input(placeholder="Search", compact=True)
        self._list = OptionList()

    def compose(self) -> ComposeResult:
        yield self._search
        yield self._list

    @property
    def text(self) -> str:
        return self._search.value.strip()

    @property
    def items(self) -> tuple[Summary, ...]:
        return self._items

    def show(self, items: Sequence[Summary], current: str) -> None:
        """List these; `current` is the id of the one that is open."""
        given = tuple(items)
        if given == self._items:
            return
        pointed_at = self._pointed_at
        self._items = given
        self._list.set_options([Option(_line(item)) for item in given])
        ids = [item.id for item in given]
        kept = pointed_at.id if pointed_at is not None else current
        if kept in ids:
            self._list.highlighted = ids.index(kept)

    def focus_list(self) -> None:
        self._list.focus()

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self.post_message(self.Searched(self.text))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        self._list.focus()

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.post_message(self.OpenAsked(self._items[message.option_index]))

    def action_forget(self) -> None:
        if self._pointed_at is not None:
            self.post_message(self.DeleteAsked(self._pointed_at))

    def action_rename(self) -> None:
        if self._pointed_at is not None:
            self.post_message(self.RenameAsked(self._pointed_at))

    @property
    def _pointed_at(self) -> Summary | None:
        at = self._list.highlighted
        return None if at is None or at >= len(self._items) else self._items[at]


def _line(summary: Summary) -> Content:
    title = printable(summary.title.replace("\n", " ")) or "untitled"
    about = f"{moment(summary.changed_s)[:_TO_THE_MINUTE]}  {printable(summary.model)}"
    return Content.assemble(title, "\n", (about, "$muted"))
