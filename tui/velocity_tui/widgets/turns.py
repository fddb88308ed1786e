"""A question and an answer as they stand in a transcript."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Collapsible, Markdown, Static
from textual.widgets.markdown import MarkdownStream

from velocity_local.core.printable import printable


class Question(Static, can_focus=True):
    """What a person asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "edit", "Edit", id="turn.edit", tooltip="Ask this differently")
    ]

    class EditAsked(Message):
        """Somebody wants to ask question number `index` differently."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, text: str, index: int) -> None:
        super().__init__(Content(printable(text)))
        self._index = index

    def action_edit(self) -> None:
        self.post_message(self.EditAsked(self._index))


class Reply(Vertical):
    """What a model answers, as it comes. Its text is hostile until `printable` has seen it.

    `n_updates` counts how often the display was given text.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting = Static("…", classes="waiting")
        self._thought = Static("", markup=False)
        self._thinking = Collapsible(self._thought, title="Thinking", collapsed=True)
        self._markdown = Markdown("", open_links=False)
        self._note = Static("", classes="note", markup=False)
        self._stream: MarkdownStream | None = None
        self.text = ""
        self.reasoning = ""
        self.n_updates = 0

    def compose(self) -> ComposeResult:
        self._thinking.display = False
        yield self._waiting
        yield self._thinking
        yield self._markdown
        yield self._note

    async def add(self, text: str, reasoning: str) -> None:
        """Show more of either."""
        self.n_updates += 1
        self._waiting.display = False
        if reasoning:
            self._think(reasoning)
        if not self.text:
            text = text.lstrip("\n")
        if text:
            await self._say(text)

    async def close(self, note: str, *, is_wrong: bool = False) -> None:
        """Nothing more comes; `note` says how it was or why it ended."""
        self._waiting.display = False
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self.tell(note, is_wrong=is_wrong)

    def tell(self, note: str, *, is_wrong: bool = False) -> None:
        self._note.set_class(is_wrong, "-wrong")
        self._note.update(Content(printable(note)))

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """An address from a model is shown and never opened."""
        event.stop()
        self.notify(printable(event.href), title="Address of the link", markup=False)

    def _think(self, reasoning: str) -> None:
        self.reasoning += reasoning
        self._thinking.display = True
        self._thinking.title = f"Thinking, {len(self.reasoning.split())} words"
        self._thought.update(Content(printable(self.reasoning)))

    async def _say(self, text: str) -> None:
        self.text += text
        if self._stream is None:
            self._stream = Markdown.get_stream(self._markdown)
        await self._stream.write(printable(text))
