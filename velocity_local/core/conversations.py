"""A conversation as a tree of turns, and the page it makes. Knows nothing of where it is kept."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from velocity_local.core.printable import printable

Role = Literal["user", "assistant"]


class Attachment(msgspec.Struct, frozen=True):
    """A text file that goes with a question."""

    name: str
    text: str


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a conversation is asked with; None leaves a choice to the daemon's settings."""

    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None


class Turn(msgspec.Struct, frozen=True):
    """One message. Turns with the same `parent` are branches; None is the beginning.

    `model`, `reasoning`, `note` and `request_id` are an answer's: `note` tells its figures, or why
    it broke off, and by `request_id` the history knows it.
    """

    id: str
    parent: str | None
    role: Role
    text: str
    created_s: float = 0.0
    reasoning: str = ""
    model: str = ""
    note: str = ""
    request_id: str | None = None
    attachments: tuple[Attachment, ...] = ()

    def prompt(self) -> str:
        """What a model is given of it: files first, fenced and named, then the text."""
        return "\n\n".join([*(_fenced(file) for file in self.attachments), self.text])


class Summary(msgspec.Struct, frozen=True):
    """A conversation as it stands in a list."""

    id: str
    title: str
    model: str
    created_s: float
    changed_s: float
    n_turns: int


class Conversation(msgspec.Struct, frozen=True):
    """The whole of it; parents come before their children. `head` is the turn last looked at."""

    id: str
    title: str = ""
    model: str = ""
    created_s: float = 0.0
    changed_s: float = 0.0
    head: str | None = None
    parameters: Parameters = Parameters()
    turns: tuple[Turn, ...] = ()

    def turn(self, identifier: str) -> Turn:
        """The turn of that id, which must be there."""
        return next(turn for turn in self.turns if turn.id == identifier)

    def path(self) -> tuple[Turn, ...]:
        """From the beginning to `head`: what is read from top to bottom."""
        known = {turn.id: turn for turn in self.turns}
        found = []
        at = self.head
        while at is not None:
            found.append(known[at])
            at = known[at].parent
        return tuple(reversed(found))

    def branches(self, parent: str | None) -> tuple[Turn, ...]:
        """The turns that follow `parent`, the oldest first."""
        return tuple(turn for turn in self.turns if turn.parent == parent)

    def newest_below(self, identifier: str) -> str:
        """The end of the branch of `identifier` that was gone on with last."""
        below = {identifier}
        newest = identifier
        for turn in self.turns:
            if turn.parent in below:
                below.add(turn.id)
                newest = turn.id
        return newest


def markdown(conversation: Conversation) -> str:
    """The path to `head` as a page to read; control and reordering characters are escaped."""
    return printable("\n".join(_paragraphs(conversation)))


def _paragraphs(conversation: Conversation) -> Iterator[str]:
    yield f"# {conversation.title or 'Conversation'}\n"
    if conversation.parameters.system:
        yield f"## System\n\n{conversation.parameters.system}\n"
    for turn in conversation.path():
        yield f"## {turn.model or 'Model' if turn.role == 'assistant' else 'You'}\n"
        yield f"{turn.prompt()}\n"
        if turn.note:
            yield f"*{turn.note}*\n"


def _fenced(file: Attachment) -> str:
    """A fence is longer than any in the file, so that the file cannot end it."""
    longest, run = 2, 0
    for character in file.text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    return f"{file.name}:\n{fence}\n{file.text.rstrip()}\n{fence}"
