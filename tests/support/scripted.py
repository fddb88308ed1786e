"""The real gateway over a scripted runner: real core events, no model, no process."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from velocity_local.config.settings import LimitSettings, ServerSettings, Settings
from velocity_local.core.clock import SystemClock
from velocity_local.core.errors import ModelNotFound, VelocityError
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Finished,
    FinishReason,
    Started,
    TokenLogprob,
    Usage,
)
from velocity_local.core.history import RequestRow
from velocity_local.core.ids import IdSource
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
from velocity_local.daemon.gateway.admission import Bounds
from velocity_local.daemon.gateway.pipeline import Gateway
from velocity_local.daemon.server.access import Credentials
from velocity_local.daemon.server.guards import AsgiApp
from velocity_local.daemon.server.litestar import create_app
from velocity_local.wire.ipc.messages import Embedded, Tokenized

TOKEN = "install-token"
ROOMY = Bounds(64, 10_000_000)
TIMINGS = EngineTimings(queue_ms=1.0, prefill_ms=2.0, decode_ms=3.0)
DEMO = ModelEntry(
    id="demo",
    path="/models/demo.gguf",
    format="gguf",
    size_bytes=1,
    fingerprint="0123456789abcdef",
    created_s=1_700_000_000,
)
NESTED = ModelEntry(
    id="org/name/file",
    path="/models/file.gguf",
    format="gguf",
    size_bytes=1,
    fingerprint="fedcba9876543210",
    created_s=1_700_000_001,
)

Script = Callable[[GenerationRequest], Sequence[Event | VelocityError | asyncio.Event]]


def finished(
    index: int = 0,
    *,
    reason: FinishReason = "stop",
    prompt: int = 5,
    completion: int = 2,
    cached: int = 0,
    reasoning: int = 0,
) -> Finished:
    usage = Usage(prompt, completion, cached, reasoning)
    return Finished(index, reason, usage, TIMINGS)


def hello(request: GenerationRequest) -> list[Event]:
    """`Hello there` for every choice, with log-probabilities if they were asked for."""
    events: list[Event] = [Started(index, 5, 0) for index in range(request.n)]
    for index in range(request.n):
        for token, text in enumerate(("Hello", " there")):
            logprobs = (_logprob(token, text, request),) if request.top_logprobs is not None else ()
            events.append(Delta(index, (token,), text=text, logprobs=logprobs))
        events.append(finished(index))
    return events


def _logprob(token: int, text: str, request: GenerationRequest) -> TokenLogprob:
    top = [(token + i, f"{text}{i}".encode(), -0.5 - i) for i in range(request.top_logprobs or 0)]
    return TokenLogprob(token, text.encode(), -0.5, tuple(top))


@dataclass
class _Info:
    load_ms: float = 0.0
    resumes: int = 0


class _Events:
    """Events of one request; a scripted `asyncio.Event` holds them back until it is set."""

    def __init__(self, steps: Sequence[Event | VelocityError | asyncio.Event]) -> None:
        self._steps = steps
        self.info = _Info()

    async def __aiter__(self) -> AsyncIterator[Event]:
        for step in self._steps:
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, VelocityError):
                raise step
            else:
                await asyncio.sleep(0)
                yield step


class ScriptedRunner:
    """Answers as its script says and remembers what it was asked."""

    def __init__(self, script: Script = hello) -> None:
        self.script = script
        self.asked: list[GenerationRequest] = []
        self.embedded: list[EmbeddingRequest] = []
        self.rendered: list[RenderRequest] = []
        self.refusal: VelocityError | None = None
        self.is_ready = True
        self.came = asyncio.Event()
        self.left = asyncio.Event()

    @asynccontextmanager
    async def stream(self, request: GenerationRequest) -> AsyncIterator[_Events]:
        self.asked.append(request)
        self.came.set()
        if self.refusal is not None:
            raise self.refusal
        try:
            yield _Events(self.script(request))
        finally:
            self.left.set()

    async def embed(self, request: EmbeddingRequest) -> Embedded:
        self.embedded.append(request)
        vector = struct.pack("<3f", 1.0, 0.5, -0.25)
        return Embedded(0, tuple(vector for _ in request.inputs), 3 * len(request.inputs))

    async def tokenize(self, request: TokenizeRequest) -> Tokenized:
        pieces = tuple(bytes([byte]) for byte in request.text.encode())
        return Tokenized(0, tuple(piece[0] for piece in pieces), pieces)

    async def detokenize(self, request: DetokenizeRequest) -> str:
        return bytes(token % 256 for token in request.tokens).decode(errors="replace")

    async def kv(self, request: KvRequest) -> KvState:
        return KvState((), 0, 0, KvMatch(9, 8, 4, 4, "memory", "and", "then", "so"))

    async def render(self, request: RenderRequest) -> str:
        self.rendered.append(request)
        return "".join(f"<{m.role}>{m.content}" for m in request.prompt.messages)

    def readiness(self) -> tuple[bool, str]:
        return self.is_ready, "" if self.is_ready else "demo is loading"


class _Models:
    def __init__(self, entries: Sequence[ModelEntry]) -> None:
        self._entries = tuple(entries)

    async def entries(self) -> Sequence[ModelEntry]:
        return self._entries

    async def resolve(self, name: str) -> ModelEntry:
        for entry in self._entries:
            if entry.id == name:
                return entry
        raise ModelNotFound(f"no model {name[:80]!r}; near: demo", param="model")


@dataclass
class Rows:
    """History in memory."""

    begun: list[RequestRow] = field(default_factory=list)
    recorded: list[RequestRow] = field(default_factory=list)
    degraded: str | None = None

    def begin(self, row: RequestRow) -> None:
        self.begun.append(row)

    async def record(self, row: RequestRow) -> None:
        self.recorded.append(row)

    def observe(self, row: RequestRow, itl_ms: Sequence[float]) -> None:
        """Nothing is counted here."""


class NoMetrics:
    def render(self) -> bytes:
        return b"# HELP velocity_up 1 while the server runs\nvelocity_up 1\n"


class Stage:
    """A whole server side with its scripted runner; settings may be replaced before `app`."""

    def __init__(
        self,
        script: Script = hello,
        models: Sequence[ModelEntry] = (DEMO,),
        bounds: Bounds = ROOMY,
    ) -> None:
        self.runner = ScriptedRunner(script)
        self.rows = Rows()
        self.server = ServerSettings(port=0)
        self.limits = LimitSettings()
        self.credentials = Credentials.of(TOKEN)
        self.gateway = Gateway(
            models=_Models(models),
            runner=self.runner,
            recorder=self.rows,
            meter=self.rows,
            clock=SystemClock(),
            bounds=bounds,
            request_timeout_s=60.0,
            keep_text=False,
        )

    def app(self, **extra: object) -> AsgiApp:
        return create_app(
            self.gateway,
            NoMetrics(),
            Settings(server=self.server, limits=self.limits),
            credentials=self.credentials,
            clock=SystemClock(),
            ids=IdSource(),
            **extra,  # type: ignore[arg-type]  # create_app's own keywords
        )
