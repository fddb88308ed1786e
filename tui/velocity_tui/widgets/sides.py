"""The conversations on the screen: one, or two that are asked the same."""

from collections.abc import Collection
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal

from velocity_local.core.conversations import Conversation, Parameters, Turn
from velocity_tui import conversation as talk
from velocity_tui.conversation import Place
from velocity_tui.state import Snapshot
from velocity_tui.widgets.side import Side


class Sides(Horizontal):
    """The first side is always there."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._beginning = conversation

    def compose(self) -> ComposeResult:
        yield Side(self._beginning)

    @property
    def all(self) -> list[Side]:
        return list(self.query_children(Side))

    @property
    def first(self) -> Side:
        return self.all[0]

    @property
    def focused(self) -> Side:
        """The one in which somebody is; else the first."""
        return next((side for side in self.all if side.has_focus_within), self.first)

    @property
    def is_answering(self) -> bool:
        return any(side.is_answering for side in self.all)

    def with_turn(self, turn: str) -> Side:
        """The one that has it, which one must; the focused one if both do."""
        return next(
            side
            for side in (self.focused, *self.all)
            if any(each.id == turn for each in side.conversation.turns)
        )

    async def open_second(self, identifier: str, model: str) -> None:
        """It begins with what has been said on the first, as a conversation of its own."""
        first = self.first.conversation
        copied = Conversation(
            identifier, parameters=first.parameters, head=first.head, turns=first.path()
        )
        second = Side(copied, model)
        second.add_class("-second")
        await self.mount(second)
        await second.open(copied)

    async def close_second(self) -> None:
        for side in self.all[1:]:
            await side.remove()

    def stop(self) -> None:
        for side in self.all:
            side.stop()

    async def pump(self) -> None:
        """Show what has come since the last look."""
        for side in self.all:
            await side.pump()

    def show(self, snapshot: Snapshot) -> None:
        for side in self.all:
            side.show(snapshot)

    def tell(self, parameters: Parameters, *, editing: Collection[Side]) -> None:
        """Say who answers, and how they are asked."""
        for side in self.all:
            side.tell(parameters, is_editing=side in editing)


def last(side: Side, role: Literal["user", "assistant"]) -> Turn | None:
    """The last turn of that role on its path."""
    turns = [turn for turn in side.conversation.path() if turn.role == role]
    return turns[-1] if turns else None


def last_with_branches(side: Side) -> Place | None:
    """The last place on its path where there are several."""
    several = [place for place in talk.places(side.conversation) if place.n_branches > 1]
    return several[-1] if several else None
