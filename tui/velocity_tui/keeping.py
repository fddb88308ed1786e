"""Keeps conversations at the daemon; what it does not take now waits until it does."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from velocity_local.client import conversations
from velocity_local.client.errors import ClientError, Unreachable
from velocity_local.client.http import HttpClient
from velocity_local.core.conversations import Conversation, Turn
from velocity_local.wire.http.conversations import ConversationAsk, ConversationChange
from velocity_tui.threads import on_thread


@dataclass(frozen=True, slots=True)
class Begin:
    conversation: str
    ask: ConversationAsk


@dataclass(frozen=True, slots=True)
class Add:
    conversation: str
    turn: Turn


@dataclass(frozen=True, slots=True)
class Change:
    conversation: str
    change: ConversationChange


Job = Begin | Add | Change


class Keeping:
    """One queue, in order. Jobs are such that doing one twice does no harm, since a daemon that
    dies may or may not have done it.
    """

    def __init__(self, client: Callable[[], HttpClient | None]) -> None:
        self._client = client
        self._jobs: deque[Job] = deque()
        self._known: dict[str, set[str]] = {}
        self._wake = asyncio.Event()
        self.n_done = 0

    @property
    def n_waiting(self) -> int:
        return len(self._jobs)

    def know(self, conversation: Conversation) -> None:
        """It came from the daemon."""
        self._known[conversation.id] = {turn.id for turn in conversation.turns}

    def keep(self, conversation: Conversation) -> None:
        """See to it that all its turns get there, and where it is gone on from."""
        known = self._known.get(conversation.id)
        if known is None:
            known = self._known[conversation.id] = set()
            ask = ConversationAsk(
                conversation.id, model=conversation.model, parameters=conversation.parameters
            )
            self._put(Begin(conversation.id, ask))
        for turn in conversation.turns:
            if turn.id not in known:
                known.add(turn.id)
                self._put(Add(conversation.id, turn))

    def change(self, identifier: str, change: ConversationChange) -> None:
        """Of one that is not kept there is nothing to change."""
        if identifier in self._known:
            self._put(Change(identifier, change))

    def forget(self, identifier: str) -> None:
        """It is no more: nothing of it is to be kept."""
        self._known.pop(identifier, None)
        self._jobs = deque(job for job in self._jobs if job.conversation != identifier)

    async def run(self, tell: Callable[[str], object]) -> None:
        """Until cancelled; `tell` hears what was refused, and why."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._jobs and await self._is_done(self._jobs[0], tell):
                pass

    def wake(self) -> None:
        """The daemon answers: try again what it did not take."""
        if self._jobs:
            self._wake.set()

    async def _is_done(self, job: Job, tell: Callable[[str], object]) -> bool:
        client = self._client()
        if client is None:
            return False
        try:
            await on_thread(lambda: _do(client, job))
        except Unreachable:
            return False
        except ClientError as error:
            tell(f"The conversation is not kept: {error}")
            self.forget(job.conversation)
        if self._jobs and self._jobs[0] is job:
            self._jobs.popleft()
            self.n_done += 1
        return True

    def _put(self, job: Job) -> None:
        self._jobs.append(job)
        self._wake.set()


def _do(client: HttpClient, job: Job) -> None:
    match job:
        case Begin(_, ask):
            conversations.begin(client, ask)
        case Add(conversation, turn):
            conversations.add(client, conversation, turn)
        case Change(conversation, change):
            conversations.change(client, conversation, change)
        case _:
            assert_never(job)
