"""Conversations and their turns: one function for each question asked of them."""

import sqlite3

import msgspec

from velocity_local.core.conversations import Conversation, Parameters, Summary, Turn
from velocity_local.daemon.store import cursors
from velocity_local.daemon.store.cursors import Cursor
from velocity_local.daemon.store.patterns import containing

MAX_PAGE = 500

_TURN = tuple(field.name for field in msgspec.structs.fields(Turn))
_TURNS = f"SELECT {', '.join(_TURN)} FROM turns"  # noqa: S608 - our own struct's names
_ADD_TURN = (
    f"INSERT INTO turns (conversation, {', '.join(_TURN)}) "  # noqa: S608 - as above
    f"VALUES (?, {', '.join('?' * len(_TURN))})"
)
_SUMMARIES = (
    "SELECT id, title, model, created_s, changed_s, "
    "(SELECT count(*) FROM turns WHERE conversation = conversations.id) FROM conversations"
)
_HOLDS_TEXT = (
    "(title LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM turns WHERE "
    "conversation = conversations.id AND text LIKE ? ESCAPE '\\'))"
)


class SummaryPage(msgspec.Struct, frozen=True):
    """Some conversations, and what to ask with for those after them; None at the end."""

    items: tuple[Summary, ...]
    next: str | None


def page(
    connection: sqlite3.Connection, text: str | None, *, limit: int, after: str | None
) -> SummaryPage:
    """At most `limit` after the cursor `after`, the one last changed first; with `text`, those
    whose title or turns hold it.

    Raises:
        InvalidRequest: if `after` is not a cursor.
    """
    conditions: list[str] = []
    values: list[object] = []
    if text:
        conditions.append(_HOLDS_TEXT)
        values += [containing(text)] * 2
    if after is not None:
        cursor = cursors.decode(after)
        conditions.append("(changed_s, id) < (?, ?)")
        values += [cursor.value, cursor.id]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    found = connection.execute(
        f"{_SUMMARIES}{where} ORDER BY changed_s DESC, id DESC LIMIT ?", (*values, limit + 1)
    ).fetchall()
    items = tuple(Summary(*columns) for columns in found[:limit])
    has_more = len(found) > limit
    last = cursors.encode(Cursor(items[-1].changed_s, items[-1].id)) if has_more else None
    return SummaryPage(items, last)


def get(connection: sqlite3.Connection, identifier: str) -> Conversation | None:
    """A conversation with its turns, parents before their children."""
    found = connection.execute(
        "SELECT id, title, model, created_s, changed_s, head, parameters "
        "FROM conversations WHERE id = ?",
        (identifier,),
    ).fetchone()
    if found is None:
        return None
    identifier, title, model, created_s, changed_s, head, parameters = found
    turns = connection.execute(f"{_TURNS} WHERE conversation = ? ORDER BY number", (identifier,))
    return Conversation(
        identifier,
        title,
        model,
        created_s,
        changed_s,
        head,
        msgspec.json.decode(parameters, type=Parameters),
        tuple(map(_turn, turns)),
    )


def get_turn(connection: sqlite3.Connection, conversation: str, identifier: str) -> Turn | None:
    found = connection.execute(
        f"{_TURNS} WHERE conversation = ? AND id = ?", (conversation, identifier)
    ).fetchone()
    return None if found is None else _turn(found)


def exists(connection: sqlite3.Connection, identifier: str) -> bool:
    found = connection.execute("SELECT 1 FROM conversations WHERE id = ?", (identifier,))
    return found.fetchone() is not None


def turns_and_characters(connection: sqlite3.Connection, identifier: str) -> tuple[int, int]:
    """How many turns it has, and what they hold together."""
    n_turns, characters = connection.execute(
        "SELECT count(*), coalesce(sum(length(text) + length(reasoning) + length(attachments)), 0) "
        "FROM turns WHERE conversation = ?",
        (identifier,),
    ).fetchone()
    return n_turns, characters


def save(connection: sqlite3.Connection, conversation: Conversation) -> None:
    """Insert it, or change the one with its id; turns are left alone."""
    connection.execute(
        "INSERT INTO conversations (id, title, model, created_s, changed_s, head, parameters) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, "
        "model = excluded.model, changed_s = excluded.changed_s, head = excluded.head, "
        "parameters = excluded.parameters",
        (
            conversation.id,
            conversation.title,
            conversation.model,
            conversation.created_s,
            conversation.changed_s,
            conversation.head,
            msgspec.json.encode(conversation.parameters).decode(),
        ),
    )


def add_turn(connection: sqlite3.Connection, conversation: str, turn: Turn) -> None:
    """Add it as the head; a conversation without a title gets one from its first question."""
    *columns, attachments = msgspec.structs.astuple(turn)
    encoded = msgspec.json.encode(attachments).decode()
    connection.execute(_ADD_TURN, (conversation, *columns, encoded))
    connection.execute(
        "UPDATE conversations SET head = ?, changed_s = ?, "
        "model = CASE WHEN ? = '' THEN model ELSE ? END, "
        "title = CASE WHEN title = '' AND ? THEN ? ELSE title END WHERE id = ?",
        (
            turn.id,
            turn.created_s,
            turn.model,
            turn.model,
            turn.role == "user",
            _title(turn.text),
            conversation,
        ),
    )


def delete(connection: sqlite3.Connection, identifier: str) -> bool:
    """Forget it with its turns; False if there is none of that id."""
    connection.execute("DELETE FROM turns WHERE conversation = ?", (identifier,))
    return connection.execute("DELETE FROM conversations WHERE id = ?", (identifier,)).rowcount > 0


_TITLE_CHARS = 60


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1].rstrip() + "…"


def _turn(columns: tuple[object, ...]) -> Turn:
    named = dict(zip(_TURN, columns, strict=True))
    named["attachments"] = msgspec.json.decode(str(named["attachments"]))
    return msgspec.convert(named, Turn)
