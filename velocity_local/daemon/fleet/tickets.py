"""A request on its way through workers: what is asked, and what of the answer was delivered."""

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.events import Delta, tool_chars
from velocity_local.core.requests import (
    DetokenizeRequest,
    EmbeddingRequest,
    GenerationRequest,
    KvRequest,
    RenderRequest,
    TokenizeRequest,
)
from velocity_local.daemon.fleet.effects import Sink
from velocity_local.wire.ipc.messages import (
    Command,
    Detokenize,
    Embed,
    Generate,
    KvAsk,
    Render,
    Resumed,
    Tokenize,
)

CallRequest = EmbeddingRequest | TokenizeRequest | DetokenizeRequest | RenderRequest | KvRequest
AnyRequest = GenerationRequest | CallRequest
_encoder = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class StreamInfo:
    """What history wants to know of a request, filled in while it runs.

    `load_ms` is the wait for a worker that could take it, `queue_ms` the wait in that worker
    until the prompt was begun (None until then). `resumes` counts the workers that died under it.
    """

    model: str
    fingerprint: str
    load_ms: float = 0.0
    queue_ms: float | None = None
    resumes: int = 0


class WaitForLoad(NamedTuple):
    """Nothing is asked but that the model be ready."""


@dataclass(slots=True)
class ChoiceProgress:
    """What was received of one choice, in all its workers."""

    index: int
    tokens: list[int] = field(default_factory=list)
    text_chars: int = 0
    reasoning_chars: int = 0
    tool_chars: int = 0
    is_started: bool = False
    is_done: bool = False

    def observe(self, delta: Delta) -> None:
        self.tokens += delta.tokens
        self.text_chars += len(delta.text)
        if delta.reasoning:
            self.reasoning_chars += len(delta.reasoning)
        if delta.tool_calls:
            self.tool_chars += tool_chars(delta.tool_calls)

    def resumed(self) -> Resumed:
        return Resumed(
            self.index,
            tuple(self.tokens),
            self.text_chars,
            self.reasoning_chars,
            self.tool_chars,
            self.is_done,
        )


@dataclass(slots=True, eq=False)
class Ticket:
    """One request from submission to its end. `choices` is empty unless it is a generation.

    `fresh_tokens` were received from the worker that has it now; `strikes` are deaths at the
    same place while it ran.
    """

    handle: int
    request: AnyRequest | WaitForLoad
    sink: Sink
    info: StreamInfo
    submitted_s: float
    choices: list[ChoiceProgress]
    open_choices: int
    has_waited: bool = False
    is_sent: bool = False
    sent_s: float = 0.0
    fresh_tokens: int = 0
    strikes: int = 0
    has_events: bool = False

    @property
    def deadline_s(self) -> float | None:
        """When it must be done at the latest, on the monotonic clock."""
        if isinstance(self.request, GenerationRequest) and self.request.deadline_s is not None:
            return self.submitted_s + self.request.deadline_s
        return None

    @property
    def keep_alive_s(self) -> float | None:
        """How long its model is to stay unused after it, if it says; 0 is for ever."""
        return self.request.keep_alive_s if isinstance(self.request, GenerationRequest) else None

    @property
    def queue_due_s(self) -> float | None:
        """When it must have begun at the latest; None once it has, or if it may wait."""
        request = self.request
        if self.has_events or not isinstance(request, GenerationRequest | EmbeddingRequest):
            return None
        timeout_s = request.queue.timeout_s
        return None if timeout_s is None else self.submitted_s + timeout_s

    @property
    def waits_until_s(self) -> float | None:
        """When it gives up if it was not sent by then."""
        return min((s for s in (self.deadline_s, self.queue_due_s) if s is not None), default=None)

    def command(self, now_s: float) -> Command:
        """What a worker is told: all of it, or how to go on."""
        request = self.request
        match request:
            case GenerationRequest():
                return Generate(self.handle, _remaining(request, self, now_s), self._resumed())
            case EmbeddingRequest():
                queue = msgspec.structs.replace(
                    request.queue, timeout_s=_left_s(self.queue_due_s, now_s)
                )
                return Embed(self.handle, msgspec.structs.replace(request, queue=queue))
            case TokenizeRequest():
                return Tokenize(self.handle, request)
            case DetokenizeRequest():
                return Detokenize(self.handle, request)
            case RenderRequest():
                return Render(self.handle, request)
            case KvRequest():
                return KvAsk(self.handle, request)
            case WaitForLoad():
                raise AssertionError("nothing to send")

    def mark_sent(self, now_s: float) -> None:
        self.is_sent = True
        self.sent_s = now_s
        self.fresh_tokens = 0
        if self.has_waited:
            self.has_waited = False
            self.info.load_ms = (now_s - self.submitted_s) * 1000

    def mark_unsent(self) -> None:
        """Its worker is gone."""
        self.is_sent = False
        self.info.resumes += 1

    def content_key(self) -> bytes:
        """The same for requests that put the same content before the same weights."""
        content: object
        match self.request:
            case GenerationRequest(prompt=prompt, adapter=Adapter(key=key)):
                content = (prompt, key)
            case GenerationRequest(prompt=content) | RenderRequest(prompt=content):
                pass
            case EmbeddingRequest(inputs=content):
                pass
            case TokenizeRequest(text=content):
                pass
            case DetokenizeRequest(tokens=content):
                pass
            case KvRequest():
                content = ""
            case WaitForLoad():
                content = ""
        return hashlib.sha256(_encoder.encode(content)).digest()

    def _resumed(self) -> tuple[Resumed, ...]:
        if not self.has_events:
            return ()
        return tuple(choice.resumed() for choice in self.choices)


def new_ticket(
    handle: int,
    request: AnyRequest | WaitForLoad,
    *,
    sink: Sink,
    model: str,
    fingerprint: str,
    submitted_s: float,
) -> Ticket:
    """`model` is the model's id; the request may name it otherwise."""
    count = request.n if isinstance(request, GenerationRequest) else 0
    return Ticket(
        handle=handle,
        request=request,
        sink=sink,
        info=StreamInfo(model, fingerprint),
        submitted_s=submitted_s,
        choices=[ChoiceProgress(index) for index in range(count)],
        open_choices=count,
    )


def _remaining(request: GenerationRequest, ticket: Ticket, now_s: float) -> GenerationRequest:
    """The request with the time that is left to it, in all and in the queue."""
    queue = msgspec.structs.replace(request.queue, timeout_s=_left_s(ticket.queue_due_s, now_s))
    deadline_s = _left_s(ticket.deadline_s, now_s)
    return msgspec.structs.replace(request, deadline_s=deadline_s, queue=queue)


def _left_s(due_s: float | None, now_s: float) -> float | None:
    return None if due_s is None else max(due_s - now_s, 0.001)
