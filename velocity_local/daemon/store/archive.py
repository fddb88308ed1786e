"""Conversations as the rest of the daemon sees them. They are kept until somebody deletes them."""

import sqlite3
from functools import partial

from msgspec.structs import replace

from velocity_local.core.clock import Clock
from velocity_local.core.conversations import Conversation, Parameters, Turn
from velocity_local.core.errors import Conflict, InvalidRequest, NotFound, TooLarge, VelocityError
from velocity_local.core.ids import IdSource
from velocity_local.daemon.store import conversations
from velocity_local.daemon.store.conversations import SummaryPage
from velocity_local.daemon.store.history import History

MAX_TURNS = 2_000
MAX_CHARACTERS = 16 * 1024 * 1024


class Archive:
    """Shares the history's database and its threads. All methods raise CapacityError while that
    cannot be had.
    """

    def __init__(self, history: History, *, clock: Clock) -> None:
        self._history = history
        self._clock = clock
        self._ids = IdSource(clock)

    async def page(self, text: str | None, *, limit: int, after: str | None) -> SummaryPage:
        """Those that hold `text`, the one last changed first.

        Raises:
            InvalidRequest: if `after` is not a cursor.
        """
        return await self._history.ask(
            lambda connection: conversations.page(connection, text, limit=limit, after=after)
        )

    async def get(self, identifier: str) -> Conversation:
        """The whole of one.

        Raises:
            NotFound: if there is none of that id.
        """
        found = await self._history.ask(
            lambda connection: conversations.get(connection, identifier)
        )
        if found is None:
            raise _no_such(identifier)
        return found

    async def begin(
        self, identifier: str | None, *, title: str, model: str, parameters: Parameters
    ) -> Conversation:
        """A new one; the one that is there if `identifier` is taken."""
        now_s = self._clock.wall_s()
        fresh = Conversation(
            identifier or self._ids.new("conv-"), title, model, now_s, now_s, None, parameters
        )
        return await self._history.once(partial(_begun, fresh))

    async def change(
        self,
        identifier: str,
        *,
        title: str | None,
        model: str | None,
        parameters: Parameters | None,
        head: str | None,
    ) -> Conversation:
        """With what is not None.

        Raises:
            NotFound: if there is none of that id.
            InvalidRequest: if it has no turn `head`.
        """
        given: dict[str, object] = {
            "title": title,
            "model": model,
            "parameters": parameters,
            "head": head,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        changes["changed_s"] = self._clock.wall_s()
        done = await self._history.once(partial(_changed, identifier, changes))
        if isinstance(done, VelocityError):
            raise done
        return done

    async def add(self, identifier: str, turn: Turn) -> Turn:
        """The turn as it is kept, which is the one that is there if its id is taken.

        Raises:
            NotFound: if there is no such conversation.
            InvalidRequest: if it has no turn `turn.parent`.
            Conflict: if another turn has its id.
            TooLarge: if the conversation is full.
        """
        named = replace(turn, id=turn.id or self._ids.new("turn-"), created_s=self._clock.wall_s())
        done = await self._history.once(partial(_added, identifier, named))
        if isinstance(done, VelocityError):
            raise done
        return done

    async def delete(self, identifier: str) -> None:
        """Forget it with all its turns.

        Raises:
            NotFound: if there is none of that id.
        """
        if not await self._history.once(
            lambda connection: conversations.delete(connection, identifier)
        ):
            raise _no_such(identifier)


# These run on the thread that writes: what is refused is returned, so that the thread goes on.


def _begun(fresh: Conversation, connection: sqlite3.Connection) -> Conversation:
    known = conversations.get(connection, fresh.id)
    if known is not None:
        return known
    conversations.save(connection, fresh)
    return fresh


def _changed(
    identifier: str, changes: dict[str, object], connection: sqlite3.Connection
) -> Conversation | VelocityError:
    known = conversations.get(connection, identifier)
    if known is None:
        return _no_such(identifier)
    changed = replace(known, **changes)
    if all(turn.id != changed.head for turn in known.turns) and changed.head is not None:
        return _no_such_turn(identifier, changed.head, "head")
    conversations.save(connection, changed)
    return changed


def _added(identifier: str, turn: Turn, connection: sqlite3.Connection) -> Turn | VelocityError:
    if not conversations.exists(connection, identifier):
        return _no_such(identifier)
    known = conversations.get_turn(connection, identifier, turn.id)
    if known is not None:
        if replace(known, created_s=turn.created_s) == turn:
            return known
        return Conflict(f"another turn of {identifier} has the id {turn.id}")
    if turn.parent is not None:
        parent = conversations.get_turn(connection, identifier, turn.parent)
        if parent is None:
            return _no_such_turn(identifier, turn.parent, "parent")
    n_turns, characters = conversations.turns_and_characters(connection, identifier)
    if n_turns >= MAX_TURNS or characters >= MAX_CHARACTERS:
        return TooLarge(
            f"{identifier} is full ({n_turns} turns, {characters} characters); begin a new one"
        )
    conversations.add_turn(connection, identifier, turn)
    return turn


def _no_such(identifier: str) -> NotFound:
    return NotFound(f"no conversation {identifier!r}", param="id")


def _no_such_turn(identifier: str, turn: str, param: str) -> InvalidRequest:
    return InvalidRequest(f"{identifier} has no turn {turn!r}", param=param)
