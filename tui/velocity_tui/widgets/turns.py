"""A question and an answer as they stand in a transcript."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Collapsible, Markdown, Static

from velocity_local.core.conversations import Turn
from velocity_local.core.printable import printable
from velocity_local.core.units import size
from velocity_tui.conversation import Place, is_broken
from velocity_tui.widgets.prose import Prose

_BRANCHES: list[BindingType] = [
    Binding(
        "left", "switch(-1)", "Branch before", id="turn.before", tooltip="Show the branch before"
    ),
    Binding("right", "switch(1)", "Next branch", id="turn.next", tooltip="Show the next branch"),
]


class TurnMessage(Message):
    """About the turn with the id `turn`."""

    def __init__(self, turn: str) -> None:
        super().__init__()
        self.turn = turn


class BranchAsked(TurnMessage):
    """Somebody wants to see the branch `by` places further."""

    def __init__(self, turn: str, by: int) -> None:
        super().__init__(turn)
        self.by = by


class EditAsked(TurnMessage):
    """Somebody wants to ask this question differently."""


class AgainAsked(TurnMessage):
    """Somebody wants another answer in place of this one."""


class Question(Vertical, can_focus=True):
    """What a person asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "edit", "Edit", id="turn.edit", tooltip="Ask this differently"),
        *_BRANCHES,
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.turn = place.turn
        self._branch = Static(_branch(place), classes="branch", markup=False)

    def compose(self) -> ComposeResult:
        yield self._branch
        for file in self.turn.attachments:
            told = f"{file.name}, {size(len(file.text.encode()))}"
            yield Static(Content(printable(told)), classes="file")
        yield Static(Content(printable(self.turn.text)))

    def place(self, place: Place) -> None:
        """It may have become one of several branches."""
        self._branch.update(_branch(place))
        self._branch.display = place.n_branches > 1

    def on_mount(self) -> None:
        self._branch.display = bool(str(self._branch.content))

    def action_edit(self) -> None:
        self.post_message(EditAsked(self.turn.id))

    def action_switch(self, by: int) -> None:
        self.post_message(BranchAsked(self.turn.id, by))


class Reply(Vertical, can_focus=True):
    """What a model answers, as it comes. Its text is hostile until `printable` has seen it.

    `n_updates` counts how often the display was given text.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Again", id="turn.again", tooltip="Answer the question again"),
        *_BRANCHES,
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.turn = place.turn
        self._branch = Static(_branch(place), classes="branch", markup=False)
        self._waiting = Static("…", classes="waiting", markup=False)
        self._thought = Static("", markup=False)
        self._thinking = Collapsible(self._thought, title="Thinking", collapsed=True)
        self._prose = Prose()
        self._note = Static("", classes="note", markup=False)
        self.reasoning = ""
        self.n_updates = 0

    def compose(self) -> ComposeResult:
        self._thinking.display = False
        yield self._branch
        yield self._waiting
        yield self._thinking
        yield self._prose
        yield self._note

    def on_mount(self) -> None:
        self._branch.display = bool(str(self._branch.content))

    @property
    def text(self) -> str:
        """What it has said so far."""
        return self._prose.text

    async def fill(self) -> None:
        """Show the turn, an answer that is complete."""
        await self.add(self.turn.text, self.turn.reasoning)
        await self.close(self.turn.note, is_wrong=is_broken(self.turn))

    def place(self, place: Place) -> None:
        """It may have become one of several branches."""
        self._branch.update(_branch(place))
        self._branch.display = place.n_branches > 1

    def wait_for(self, what: str) -> None:
        """Nothing has come yet, and why."""
        if self._waiting.display:
            self._waiting.update(Content(printable(f"… {what} · Esc stops")))

    async def add(self, text: str, reasoning: str) -> None:
        """Show more of either."""
        self.n_updates += 1
        self._waiting.display = False
        if reasoning:
            self._think(reasoning)
        if not self.text:
            text = text.lstrip("\n")
        if text:
            await self._prose.write(text)

    async def close(self, note: str, *, is_wrong: bool = False) -> None:
        """Nothing more comes; `note` says how it was or why it ended."""
        self._waiting.display = False
        await self._prose.finish()
        self.tell(note, is_wrong=is_wrong)

    def tell(self, note: str, *, is_wrong: bool = False) -> None:
        self._note.set_class(is_wrong, "-wrong")
        self._note.update(Content(printable(note)))

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """An address from a model is shown and never opened."""
        event.stop()
        self.notify(printable(event.href), title="Address of the link", markup=False)

    def action_again(self) -> None:
        self.post_message(AgainAsked(self.turn.id))

    def action_switch(self, by: int) -> None:
        self.post_message(BranchAsked(self.turn.id, by))

    def _think(self, reasoning: str) -> None:
        self.reasoning += reasoning
        self._thinking.display = True
        n_words = len(self.reasoning.split())
        self._thinking.title = f"Thinking, {n_words} word{'s' * (n_words != 1)}"
        self._thought.update(Content(printable(self.reasoning)))


def _branch(place: Place) -> str:
    if place.n_branches < 2:
        return ""
    return f"← {place.branch} of {place.n_branches} →"


def fresh(turn: Turn) -> Place:
    """The place of a turn that has no branches beside it."""
    return Place(turn, 1, 1)
