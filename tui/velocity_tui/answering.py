"""One answer on its way: a thread receives it, the screen takes what has come when it likes."""

import threading
from collections import deque
from dataclasses import dataclass

from velocity_local.client.cancellation import Cancellation
from velocity_local.client.chat import ChatRequest, End, Piece, stream_chat
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient


@dataclass(frozen=True, slots=True)
class Stopped:
    """The person ended it."""


@dataclass(frozen=True, slots=True)
class Broken:
    """It ended too early; `reason` says why."""

    reason: str


Outcome = End | Stopped | Broken


class Answering:
    """Begins at once. `stop` may be called at any time, and again."""

    def __init__(self, client: HttpClient, request: ChatRequest) -> None:
        self._pieces: deque[Piece] = deque()
        self._outcome: Outcome | None = None
        self._cancellation = Cancellation()
        run = threading.Thread(
            target=self._receive, args=(client, request), name="answer", daemon=True
        )
        run.start()

    def take(self) -> tuple[list[Piece], Outcome | None]:
        """The pieces since the last look, and how it ended; after an outcome nothing more comes."""
        outcome = self._outcome  # before the pieces: none is added once it is set
        pieces = []
        while self._pieces:
            pieces.append(self._pieces.popleft())
        return pieces, outcome

    def stop(self) -> None:
        """The daemon is told to compute no further; `Stopped` becomes the outcome."""
        self._cancellation.cancel()

    def _receive(self, client: HttpClient, request: ChatRequest) -> None:
        try:
            self._outcome = self._follow(client, request)
        except ClientError as error:
            is_stopped = self._cancellation.is_cancelled
            self._outcome = Stopped() if is_stopped else Broken(str(error))

    def _follow(self, client: HttpClient, request: ChatRequest) -> Outcome:
        outcome: Outcome = Broken("the answer ended without saying why")
        with stream_chat(client, request, cancellation=self._cancellation) as items:
            for item in items:
                if isinstance(item, End):
                    outcome = item
                else:
                    self._pieces.append(item)
        return outcome
