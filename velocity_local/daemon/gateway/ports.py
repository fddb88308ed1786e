"""What the gateway needs of the wings below it: somebody who runs requests, and a history."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from velocity_local.core.events import Event
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.store.requests import RequestRow
from velocity_local.wire.ipc.messages import Embedded, Tokenized


class Runner(Protocol):
    """Runs requests on loaded models, loading them first if need be.

    Every method raises a `core.errors.VelocityError` for what cannot be done.
    """

    def stream(
        self, request: GenerationRequest
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Events until every choice has ended; leaving the context early cancels the request.

        A worker that dies in between is not seen here: the events go on from the next token.
        """
        ...

    async def embed(self, request: EmbeddingRequest) -> Embedded: ...

    async def tokenize(self, request: TokenizeRequest) -> Tokenized: ...

    async def detokenize(self, request: DetokenizeRequest) -> str: ...

    async def render(self, request: RenderRequest) -> str: ...


class Recorder(Protocol):
    """Keeps one row for each request."""

    async def record(self, row: RequestRow) -> None:
        """Return once the row is committed to disk."""
        ...
