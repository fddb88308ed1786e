"""What one request did, gathered from its events into one history row. No I/O."""

import statistics
from array import array

import msgspec

from velocity_local.core.clock import Clock
from velocity_local.core.errors import BY_CODE, ErrorInfo, InternalError
from velocity_local.core.events import Delta, Event, Failed, Finished, Started
from velocity_local.core.history import RequestRow
from velocity_local.core.models import ModelEntry
from velocity_local.core.queueing import DEFAULT_PRIORITY
from velocity_local.core.requests import GenerationRequest
from velocity_local.daemon.gateway.admission import Place
from velocity_local.daemon.gateway.ports import StreamInfo

_CLIENT_CLOSED = 499  # nginx's status for a client that did not wait
_MS = 1000.0


class Origin(msgspec.Struct, frozen=True):
    """Where a request came from; `received_s` is the monotonic time its body was complete.

    `places` are those in the queue of all that is asked for one answer, as it gets them.
    """

    dialect: str
    endpoint: str
    client: str
    stream: bool
    received_s: float
    places: list[Place] = []


class Measurement:
    """Watches the events of a request go by; its rows tell what it was at that moment."""

    def __init__(
        self, request: GenerationRequest, origin: Origin, *, clock: Clock, keep_text: bool
    ) -> None:
        self._request = request
        self._origin = origin
        self._clock = clock
        self._created_s = clock.wall_s()
        self._first_s: float | None = None
        self._last_s: dict[int, float] = {}
        self._ended: dict[int, Finished | Failed] = {}
        self._cached_tokens: int | None = None
        self._prompt_tokens: int | None = None
        self._tokens = 0
        self._answer: list[str] | None = [] if keep_text else None
        self.model: ModelEntry | None = None
        self.itl_ms = array("d")

    def see(self, event: Event) -> None:
        if isinstance(event, Delta):
            self._see_tokens(event)
        elif isinstance(event, Started):
            self._prompt_tokens = event.prompt_tokens
            if event.index == 0:  # the others share its prefill, which is no cache
                self._cached_tokens = event.cached_tokens
        else:
            self._ended[event.index] = event

    @property
    def has_ended(self) -> bool:
        return len(self._ended) == self._request.n

    def row(self) -> RequestRow:
        """The row of a request that runs."""
        model = self.model
        return RequestRow(
            id=self._request.id,
            created_s=self._created_s,
            dialect=self._origin.dialect,
            endpoint=self._origin.endpoint,
            model=self._request.model if model is None else model.asked_id,
            fingerprint="" if model is None else model.fingerprint,
            status="running",
            http_status=0,
            stream=self._origin.stream,
            parameters=msgspec.json.encode(_parameters(self._request)).decode(),
            client=self._origin.client,
            choices=self._request.n,
            prompt_text=self._prompt_text(),
        )

    def finished_row(self, info: StreamInfo | None) -> RequestRow:
        """The row of a request whose choices have all ended."""
        row = msgspec.structs.replace(self._counted(info), status="ok", http_status=200)
        failures = [end.error for end in self._ended.values() if isinstance(end, Failed)]
        return self._with_error(row, failures[0]) if failures else row

    def cancelled_row(self, info: StreamInfo | None) -> RequestRow:
        """The row of a request whose client left."""
        row = self._counted(info)
        return msgspec.structs.replace(row, status="cancelled", http_status=_CLIENT_CLOSED)

    def failed_row(self, error: ErrorInfo) -> RequestRow:
        """The row of a request that was refused."""
        return self._with_error(self._counted(None), error)

    def embedded_row(self, prompt_tokens: int) -> RequestRow:
        """The row of a finished request for embeddings."""
        return msgspec.structs.replace(
            self._counted(None), status="ok", http_status=200, prompt_tokens=prompt_tokens
        )

    def _see_tokens(self, delta: Delta) -> None:
        now_s = self._clock.monotonic_s()
        count = len(delta.tokens)
        self._tokens += count
        if self._first_s is None:
            self._first_s = now_s
        last_s = self._last_s.get(delta.index)
        if last_s is not None and count:
            gap_ms = (now_s - last_s) * _MS / count
            for _ in range(count):
                self.itl_ms.append(gap_ms)
        self._last_s[delta.index] = now_s
        if self._answer is not None:
            self._answer.append(delta.text)

    def _counted(self, info: StreamInfo | None) -> RequestRow:
        done = [end for end in self._ended.values() if isinstance(end, Finished)]
        timings = [end.timings for end in done]
        return msgspec.structs.replace(
            self.row(),
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            completion_tokens=self._completion_tokens(done),
            queue_ms=max((each.queue_ms for each in timings), default=None),
            prefill_ms=max((each.prefill_ms for each in timings), default=None),
            decode_ms=max((each.decode_ms for each in timings), default=None),
            drafted_tokens=sum(each.drafted_tokens for each in timings) if timings else None,
            accepted_tokens=sum(each.accepted_tokens for each in timings) if timings else None,
            load_ms=None if info is None else info.load_ms,
            resumes=0 if info is None else info.resumes,
            ttft_ms=None if self._first_s is None else self._since_received_ms(self._first_s),
            total_ms=self._since_received_ms(self._clock.monotonic_s()),
            tokens_per_s=self._tokens_per_s(done),
            finish_reason=done[0].reason if done else None,
            answer_text=None if self._answer is None else "".join(self._answer),
            **_itl_summary(self.itl_ms),
        )

    def _completion_tokens(self, done: list[Finished]) -> int | None:
        """Exact once every choice has finished; before that, what was seen."""
        if len(done) == self._request.n:
            return sum(end.usage.completion_tokens for end in done)
        return self._tokens or None

    def _tokens_per_s(self, done: list[Finished]) -> float | None:
        """Tokens of all choices after their first, over the engine's time from first to last."""
        span_ms = max((end.timings.decode_ms for end in done), default=0.0)
        tokens = sum(end.usage.completion_tokens - 1 for end in done)
        return tokens * _MS / span_ms if tokens > 0 and span_ms > 0 else None

    def _since_received_ms(self, moment_s: float) -> float:
        return (moment_s - self._origin.received_s) * _MS

    def _prompt_text(self) -> str | None:
        if self._answer is None:
            return None
        return msgspec.json.encode(self._request.prompt).decode()

    def _with_error(self, row: RequestRow, error: ErrorInfo) -> RequestRow:
        has_begun = self._origin.stream and self._first_s is not None
        status = 200 if has_begun else BY_CODE.get(error.code, InternalError).status
        return msgspec.structs.replace(
            row,
            status="error",
            http_status=status,
            error_code=error.code,
            error_message=error.message,
        )


def refused_row(
    request_id: str, origin: Origin, error: ErrorInfo, *, created_s: float
) -> RequestRow:
    """The row of a request of which no more is known than that it was refused."""
    return RequestRow(
        id=request_id,
        created_s=created_s,
        dialect=origin.dialect,
        endpoint=origin.endpoint,
        model="",
        fingerprint="",
        status="error",
        http_status=BY_CODE.get(error.code, InternalError).status,
        stream=origin.stream,
        client=origin.client,
        error_code=error.code,
        error_message=error.message,
    )


def _parameters(request: GenerationRequest) -> dict[str, object]:
    asked: dict[str, object] = msgspec.to_builtins(request.sampling)
    if request.max_tokens is not None:
        asked["max_tokens"] = request.max_tokens
    if request.stop:
        asked["stop"] = request.stop
    if request.queue.priority != DEFAULT_PRIORITY:
        asked["priority"] = request.queue.priority
    return asked


def _itl_summary(itl_ms: "array[float]") -> dict[str, float | None]:
    if not itl_ms:
        return {}
    ordered = sorted(itl_ms)
    if len(ordered) == 1:
        ordered *= 2
    cuts = statistics.quantiles(ordered, n=20, method="inclusive")
    return {"itl_p50_ms": cuts[9], "itl_p95_ms": cuts[18], "itl_max_ms": ordered[-1]}
