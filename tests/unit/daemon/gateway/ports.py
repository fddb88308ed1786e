"""Stand-ins for what lies below the gateway; they keep what they are told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from velocity_local.core.errors import ModelNotFound, VelocityError
from velocity_local.core.events import Event
from velocity_local.core.history import RequestRow
from velocity_local.core.kv import KvMatch, KvState
from velocity_local.core.models import ModelEntry
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.gateway.ports import EventStream
from velocity_local.wire.ipc.messages import Embedded, Tokenized

ENTRY = ModelEntry(
    id="demo", path="/m/demo.gguf", format="gguf", size_bytes=1, fingerprint="f00d", created_s=0
)


class Info(msgspec.Struct):
    load_ms: float = 12.0
    resumes: int = 1


class ScriptedStream:
    def __init__(self, script: Sequence[Event | VelocityError]) -> None:
        self.info = Info()
        self._script = script

    async def __aiter__(self) -> AsyncIterator[Event]:
        for item in self._script:
            if isinstance(item, VelocityError):
                raise item
            yield item


class ScriptedRunner:
    def __init__(self, *script: Event | VelocityError) -> None:
        self._script = script
        self.seen: list[GenerationRequest] = []
        self.open_streams = 0

    @asynccontextmanager
    async def stream(self, request: GenerationRequest) -> AsyncIterator[EventStream]:
        self.seen.append(request)
        self.open_streams += 1
        try:
            yield ScriptedStream(self._script)
        finally:
            self.open_streams -= 1

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        return Embedded(0, tuple(b"\0\0\0\0" for _ in request.inputs), 3)

    async def tokenize(self, request: TokenizeRequest) -> Tokenized:
        return Tokenized(0, (1,), (request.model.encode(),))

    async def detokenize(self, request: DetokenizeRequest) -> str:
        return request.model

    async def kv(self, request: KvRequest) -> KvState:
        return KvState((), 0, 0, KvMatch(9, 8, 4, 4, "memory", "and", "then", "so"))

    async def render(self, request: RenderRequest) -> str:
        return request.model

    def readiness(self) -> tuple[bool, str]:
        return True, ""


class OneModel:
    async def entries(self) -> Sequence[ModelEntry]:
        return [ENTRY]

    async def resolve(self, name: str) -> ModelEntry:
        if name.lower() != ENTRY.id:
            raise ModelNotFound(f"no model {name!r}; near: demo", param="model")
        return ENTRY


class ListRecorder:
    degraded: str | None = None

    def __init__(self) -> None:
        self.begun: list[RequestRow] = []
        self.rows: list[RequestRow] = []

    def begin(self, row: RequestRow) -> None:
        self.begun.append(row)

    async def record(self, row: RequestRow) -> None:
        self.rows.append(row)


class ListMeter:
    def __init__(self) -> None:
        self.observed: list[tuple[RequestRow, list[float]]] = []

    def observe(self, row: RequestRow, itl_ms: Sequence[float]) -> None:
        self.observed.append((row, list(itl_ms)))
