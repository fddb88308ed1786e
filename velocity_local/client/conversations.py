"""Questions about conversations, one function each. Errors are `client.errors.ClientError`."""

from msgspec import to_builtins

from velocity_local.client.http import HttpClient, segment, with_query
from velocity_local.core.conversations import Conversation, Turn
from velocity_local.wire.http.admin import Deleted
from velocity_local.wire.http.conversations import (
    ConversationAnswer,
    ConversationAsk,
    ConversationChange,
    ConversationList,
)

_PATH = "/api/v1/conversations"


def page(
    client: HttpClient, *, text: str | None = None, limit: int = 50, after: str | None = None
) -> ConversationList:
    """Some of those that hold `text`, the one last changed first."""
    return client.get(
        with_query(_PATH, text=text or None, limit=limit, after=after), ConversationList
    )


def begin(client: HttpClient, ask: ConversationAsk) -> Conversation:
    """A new one, or the one that has the id."""
    return client.call("POST", _PATH, ConversationAnswer, body=ask)


def get(client: HttpClient, identifier: str) -> Conversation:
    return client.get(f"{_PATH}/{segment(identifier)}", ConversationAnswer)


def change(client: HttpClient, identifier: str, change_: ConversationChange) -> Conversation:
    return client.call("PATCH", f"{_PATH}/{segment(identifier)}", ConversationAnswer, body=change_)


def add(client: HttpClient, identifier: str, turn: Turn) -> Turn:
    """Keep a turn; once more does no harm."""
    body = to_builtins(turn)
    del body["created_s"]  # the daemon's to tell
    return client.call("POST", f"{_PATH}/{segment(identifier)}/turns", Turn, body=body)


def delete(client: HttpClient, identifier: str) -> int:
    """Forget it; returns how many that were."""
    return client.call("DELETE", f"{_PATH}/{segment(identifier)}", Deleted).deleted
