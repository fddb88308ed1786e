"""What the gateway needs of the wings below it: models, somebody who runs requests, a history."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from velocity_local.core.events import Event
from velocity_local.core.history import RequestRow
from velocity_local.core.kv import KvState
from velocity_local.core.models import ModelEntry
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.wire.ipc.messages import Embedded, Tokenized


class StreamInfo(Protocol):
    """What a running stream has been through so far; the values grow while it runs."""

    @property
    def load_ms(self) -> float: ...

    @property
    def resumes(self) -> int: ...


class EventStream(Protocol):
    """Events of one request until every choice has ended."""

    @property
    def info(self) -> StreamInfo: ...

    def __aiter__(self) -> AsyncIterator[Event]: ...


class Runner(Protocol):
    """Runs requests on loaded models, loading them first if need be.

    Every method raises a `core.errors.VelocityError` for what cannot be done.
    """

    def stream(self, request: GenerationRequest) -> AbstractAsyncContextManager[EventStream]:
        """Events until every choice has ended; leaving the context early cancels the request.

        A worker that dies in between is not seen here: the events go on from the next token.
        """
        ...

    async def embed(self, request: EmbeddingRequest) -> Embedded: ...

    async def tokenize(self, request: TokenizeRequest) -> Tokenized: ...

    async def detokenize(self, request: DetokenizeRequest) -> str: ...

    async def render(self, request: RenderRequest) -> str: ...

    async def kv(self, request: KvRequest) -> KvState:
        """What a model keeps of earlier prompts."""
        ...

    def readiness(self) -> tuple[bool, str]:
        """Whether a model can answer now, and if not, why."""
        ...


class Models(Protocol):
    """The models on this machine."""

    async def entries(self) -> Sequence[ModelEntry]: ...

    async def resolve(self, name: str) -> ModelEntry:
        """The model of that name.

        Raises:
            ModelNotFound: telling near names.
            InvalidModel: its file is damaged or hostile.
        """
        ...


class Recorder(Protocol):
    """Keeps one row for each request."""

    @property
    def degraded(self) -> str | None:
        """Why rows are held in memory for now, and may be lost with the process."""
        ...

    def begin(self, row: RequestRow) -> None:
        """Note that a request runs; does not wait for the disk."""
        ...

    async def record(self, row: RequestRow) -> None:
        """Return once the finished row is committed to disk."""
        ...


class Meter(Protocol):
    """Counts and measures for the metrics page."""

    def observe(self, row: RequestRow, itl_ms: Sequence[float]) -> None: ...
