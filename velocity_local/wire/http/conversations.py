"""`/api/v1/conversations`: what was talked about, as trees of turns."""

from typing import Annotated

import msgspec

from velocity_local.core.conversations import Conversation, Parameters, Role, Summary

VERSION = 1
MAX_TEXT = 2 * 1024 * 1024
"""Characters of one turn's text, of its reasoning, and of one attached file."""
MAX_ATTACHMENTS = 16

Identifier = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
Line = Annotated[str, msgspec.Meta(max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class ConversationAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A conversation to begin. Without an `id` the daemon makes one; the same `id` again changes
    nothing. Without a `title` the first question becomes it.
    """

    id: Identifier | None = None
    title: Line = ""
    model: Line = ""
    parameters: Parameters = Parameters()


class ConversationChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. `head` is the turn to go on from."""

    title: Line | None = None
    model: Line | None = None
    parameters: Parameters | None = None
    head: Identifier | None = None


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Line
    text: Text


class TurnAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A turn to add below `parent`, as a new branch if that has others. It becomes the head.

    The same `id` again changes nothing: who does not know whether it was kept asks once more.
    """

    role: Role
    text: Text
    parent: Identifier | None = None
    id: Identifier | None = None
    reasoning: Text = ""
    model: Line = ""
    note: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    request_id: Line | None = None
    attachments: Annotated[tuple[File, ...], msgspec.Meta(max_length=MAX_ATTACHMENTS)] = ()


class ConversationAnswer(Conversation, frozen=True, kw_only=True):
    """One conversation, whole."""

    version: int = VERSION


class ConversationList(msgspec.Struct, frozen=True):
    """The one last changed first; `next` goes into `after` for the page behind it."""

    items: tuple[Summary, ...]
    next: str | None
    version: int = VERSION
